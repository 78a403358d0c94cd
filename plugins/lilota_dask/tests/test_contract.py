"""The conformance suite for executors, unchanged, on a scheduler and two Dask workers of this machine."""

import pytest
from clusters import Cluster
from lilota_dask.address import parse
from lilota_dask.executor import DaskExecutor

from lilota.testing import ExecutorContract


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.await_nodes(cluster.start_node(), cluster.start_node())
    yield cluster
    cluster.close()


class TestDaskExecutor(ExecutorContract):
    @pytest.fixture
    def factory(self, cluster):
        def make(options):
            executor = DaskExecutor(parse(f"dask://127.0.0.1:{cluster.port}"), options)
            while executor.places() < 2:
                executor.wait(1)
            return executor

        return make
