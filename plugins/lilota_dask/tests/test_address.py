"""The URL of the executor: which cluster it means, and what is said of one that means none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading

import dask.config
import pytest
from lilota_dask.address import Target, parse
from lilota_dask.scheduler_file import scheduler_in

from lilota.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _plain_configuration():
    """Nothing of the machine's own configuration of Dask."""
    with dask.config.set({"scheduler-address": None, "distributed.comm.timeouts.connect": "7s"}):
        yield


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("dask://host:8787", {"scheduler": "tcp://host:8787"}),
        ("dask://host", {"scheduler": "tcp://host:8786"}),
        ("DASK://10.0.0.7/", {"scheduler": "tcp://10.0.0.7:8786"}),
        ("dask://[::1]:9000", {"scheduler": "tcp://[::1]:9000"}),
        ("dask://[fe80::1%25Eth0]", {"scheduler": "tcp://[fe80::1%Eth0]:8786"}),
        ("dask://host?protocol=tls", {"scheduler": "tls://host:8786"}),
        ("dask:///scheduler.json", {"scheduler_file": "scheduler.json"}),
        ("dask:////shared/my%20cluster.json", {"scheduler_file": "/shared/my cluster.json"}),
        ("dask://", {"is_local": True}),
        ("dask", {"is_local": True}),
        ("dask://?places=3", {"is_local": True, "places": 3}),
        ("dask://host?places=4&resource=GPU", {"scheduler": "tcp://host:8786", "places": 4, "resource": "GPU"}),
    ],
)
def test_a_url_names_a_cluster_and_what_may_be_used_of_it(url, target):
    assert parse(url) == Target(connect_timeout_seconds=7, **target)


def test_the_time_for_connecting_can_be_said():
    assert parse("dask://host?connect_seconds=1.5").connect_timeout_seconds == 1.5


def test_without_a_place_the_scheduler_is_that_of_dasks_own_configuration():
    """And its addresses have the protocol that Dask's configuration names."""
    with dask.config.set({"scheduler-address": "tls://there:8786", "distributed.comm.default-scheme": "tls"}):
        assert parse("dask://").scheduler == "tls://there:8786"
        assert parse("dask://host").scheduler == "tls://host:8786"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("dask:host:8786", "lacks its two slashes"),
        ("dask:/scheduler.json", "lacks its two slashes"),
        ("dask://tcp://host:8786", "Did you mean 'dask://host:8786'?"),
        ("dask://tls://host:8786", "Did you mean 'dask://host:8786?protocol=tls'?"),
        ("dask://host:port", "host or port is wrong"),
        ("dask://host:99999", "host or port is wrong"),
        ("dask://host:0", "host or port is wrong"),
        ("dask://one,two", "host or port is wrong"),
        ("dask://::1:8786", "stands in brackets, as in 'dask://[::1]:8786'"),
        ("dask://host:8786/scheduler.json", "names a host and a file"),
        ("dask://scheduler.json", "Did you mean 'dask:///scheduler.json'"),
        ("dask:///", "names no file"),
        ("dask:///folder/", "names no file"),
        ("dask://host#part", "nothing can stand behind a '#'"),
        ("dask://host?place=3", "unknown option 'place'. Did you mean 'places'?"),
        ("dask://host?places=3&places=4", "the option 'places' twice"),
        ("dask://host?places", "options must be"),
        ("dask://host?places=0", "'places' must be a whole number"),
        ("dask://host?places=two", "'places' must be a whole number"),
        ("dask://host?resource=GPU=2", "'resource' must be the NAME"),
        ("dask://host?connect_seconds=0", "'connect_seconds' must be a number from 0.1 to 3600"),
        ("dask://host?connect_seconds=nan", "'connect_seconds' must be a number from 0.1 to 3600"),
        ("dask://host?protocol=udp", "'protocol' must be one of tcp, tls"),
        ("dask://?protocol=tls", "'protocol' belongs to a host"),
        ("dask://?resource=GPU", "have no resources"),
    ],
)
def test_a_url_that_means_no_cluster_is_refused_in_a_sentence(url, said):
    """It shows the form to write instead, and a name that is nearly right."""
    with pytest.raises(ConfigurationError, match=re.escape(said)) as caught:
        parse(url)

    assert ("Write dask://host:8786" in str(caught.value)) or ("There are: protocol, places" in str(caught.value))


@pytest.mark.parametrize("url", ["dask://me:secret@host:8786", "dask://me:sec/ret@host", "dask://tcp://me:secret@host"])
def test_a_url_with_a_password_is_refused_and_the_password_not_shown(url):
    with pytest.raises(ConfigurationError) as caught:
        parse(url)

    assert "sec" not in str(caught.value)


def test_a_scheduler_file_is_waited_for(tmp_path):
    """Slurm may start the scheduler later than the runner; and what is half written is read again."""
    path = tmp_path / "scheduler.json"
    path.write_text('{"addr')

    def write() -> None:
        path.write_text(json.dumps({"address": "tcp://there:8786"}))

    timer = threading.Timer(0.2, write)
    timer.start()

    assert asyncio.run(scheduler_in(str(path), patience_seconds=60)) == "tcp://there:8786"
    timer.join()


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"address": 7}'])
def test_a_file_that_no_scheduler_has_written_is_said(text, tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"scheduler\.json' has no address of a scheduler in it"):
        asyncio.run(scheduler_in(str(path), patience_seconds=0))


def test_a_missing_scheduler_file_is_said_with_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"no scheduler file '.*/none\.json', after 0 s\. Start the scheduler"):
        asyncio.run(scheduler_in("none.json", patience_seconds=0))


def test_a_whole_path_with_a_slash_too_few_is_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "scheduler.json"
    path.write_text("{}")

    with pytest.raises(ConfigurationError, match=f"Did you mean 'dask:///{path}'?"):
        asyncio.run(scheduler_in(str(path).removeprefix("/"), patience_seconds=0))


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="who is root reads every file")
def test_a_scheduler_file_of_somebody_else_is_said(tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text("{}")
    path.chmod(0)

    with pytest.raises(ConfigurationError, match="can't be read: Permission denied"):
        asyncio.run(scheduler_in(str(path), patience_seconds=0))
