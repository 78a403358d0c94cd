"""TLS: a working connection, and one sentence with the remedy for each that does not work. Needs Debian's Redis."""

from __future__ import annotations

import pytest
from lilota_test_servers import RedisServer, available_or_skip, make_certificates
from lilota_test_servers.certificates import Certificates

from lilota.errors import ConfigurationError, StoreUnavailableError
from lilota.models import NewTask


@pytest.fixture
def certificates(tmp_path):
    """The files of the server's certificate, once it was started."""
    return Certificates.in_folder(tmp_path)


@pytest.fixture
def others(tmp_path):
    """Makes certificates of another authority."""

    def make():
        (tmp_path / "others").mkdir()
        return make_certificates(tmp_path / "others")

    return make


@pytest.fixture
def start_server(tmp_path):
    """Starts a server whose port speaks TLS only, with a certificate for these hosts."""
    started = []

    def start(*hosts, settings=None):
        started.append(
            available_or_skip(
                lambda: RedisServer(settings, "redis-server", port=0, certificates=make_certificates(tmp_path, *hosts))
            )
        )
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_store_is_used_through_tls(start_server, certificates, open_store, host):
    """Commands, and the connection that listens."""
    server = start_server()
    url = server.url(tcp=True).replace(server.host, host)

    store = open_store(url, ssl_ca_certs=certificates.ca)

    assert store.add([NewTask(name="task")]) == [1]
    assert store.get(1).name == "task"
    assert store.wait_for_change(60) is True  # the beginning of a subscription counts as a change
    assert f"rediss://{host}" in store.capabilities().description


def test_an_authority_that_did_not_issue_the_certificate_is_not_trusted(start_server, certificates, others, open_store):
    """Neither another one that the URL names, nor those of the system."""
    url = start_server().url(tcp=True)

    for options in ({}, {"ssl_ca_certs": others().ca}):
        with pytest.raises(StoreUnavailableError, match=r"not trusted. Name its authority: 'ssl_ca_certs=file'"):
            open_store(url, **options).open()


def test_a_certificate_for_another_name_is_refused_unless_told_otherwise(start_server, certificates, open_store):
    """Whatever the version of redis-py takes by default."""
    url = start_server("redis.example").url(tcp=True)

    with pytest.raises(StoreUnavailableError, match=r"certificate of another host.*'ssl_check_hostname=off'"):
        open_store(url, ssl_ca_certs=certificates.ca).open()

    open_store(url, ssl_ca_certs=certificates.ca, ssl_check_hostname="off").open()
    open_store(url, ssl_cert_reqs="none").open()


def test_a_server_that_wants_a_certificate_of_its_clients_gets_it(start_server, certificates, open_store):
    """Without one, the options that name it are."""
    server = start_server(settings={"tls-auth-clients": "yes"})
    url, ours = server.url(tcp=True), {"ssl_certfile": certificates.cert, "ssl_keyfile": certificates.key}

    with pytest.raises(StoreUnavailableError, match=r"wants (a|no) certificate from its clients.*'ssl_certfile="):
        open_store(url, ssl_ca_certs=certificates.ca).open()

    assert open_store(url, ssl_ca_certs=certificates.ca, **ours).add([NewTask(name="task")]) == [1]


def test_a_key_that_does_not_fit_is_named(start_server, certificates, others, open_store):
    """The server is not to blame."""
    url = start_server().url(tcp=True)

    with pytest.raises(StoreUnavailableError, match=r"files of 'ssl_ca_certs', 'ssl_certfile' or 'ssl_keyfile'"):
        open_store(url, ssl_certfile=certificates.cert, ssl_keyfile=others().key).open()


def test_a_file_that_holds_no_certificate_is_named(start_server, open_store):
    """As is one that holds something else."""
    with pytest.raises(StoreUnavailableError, match=r"files of 'ssl_ca_certs', 'ssl_certfile' or 'ssl_keyfile'"):
        open_store(start_server().url(tcp=True), ssl_ca_certs=__file__).open()


def test_without_tls_its_port_is_recognised(start_server, open_store):
    """The remedy is in the URL; the password is not shown."""
    url = start_server().url(tcp=True).replace("rediss://", "redis://:hunter2@")

    with pytest.raises(StoreUnavailableError, match=r"not want TLS.*'rediss://'") as refused:
        open_store(url).open()

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_is_refused_when_the_store_is_made(open_store, option):
    """With the option and the path."""
    with pytest.raises(ConfigurationError, match=f"'{option}'.*no file '/nonexistent.pem'"):
        open_store("rediss://localhost", **{option: "/nonexistent.pem"})


def test_a_key_without_a_certificate_is_refused(open_store):
    """One is of no use without the other."""
    with pytest.raises(ConfigurationError, match=r"'ssl_keyfile'.*needs 'ssl_certfile'"):
        open_store("rediss://localhost", ssl_keyfile=__file__)
