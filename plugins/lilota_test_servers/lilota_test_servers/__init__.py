"""Real servers for tests: PostgreSQL, Redis or Valkey, MariaDB, PgBouncer, nginx, a proxy that cuts, a browser.

Nothing is set up by hand: a server is started from a Python package or from Debian's programs, in a temporary folder,
on a Unix socket, and is gone when the tests are. It is a real one, so that it can be killed and started again.

>>> with PostgresServer() as server:  # doctest: +SKIP
...     store = open_store(server.create_database())

pytest has the fixtures `postgres_server`, `redis_server` and `mariadb_server` by itself, where this is installed; and
with the extra `browsers` also `visitor` and `new_visitor`, who open pages in Debian's Chromium.
LILOTA_TEST_POSTGRES_URL, LILOTA_TEST_REDIS_URL and LILOTA_TEST_MARIADB_URL point these at servers elsewhere;
LILOTA_TEST_POSTGRES_PROGRAMS and LILOTA_TEST_REDIS_PROGRAMS, folders, let all tests start another version.
"""

from __future__ import annotations

from lilota_test_servers.availability import available_or_skip
from lilota_test_servers.browsers import Visitor
from lilota_test_servers.certificates import Certificates, make_certificates
from lilota_test_servers.errors import ServerFailedError, ServerUnavailableError
from lilota_test_servers.mariadb import MariaDBServer
from lilota_test_servers.nginx import NginxServer
from lilota_test_servers.pgbouncer import PgBouncer
from lilota_test_servers.ports import held_port
from lilota_test_servers.postgres import PostgresServer
from lilota_test_servers.proxy import Proxy
from lilota_test_servers.redis import RedisServer

__all__ = [
    "Certificates",
    "MariaDBServer",
    "NginxServer",
    "PgBouncer",
    "PostgresServer",
    "Proxy",
    "RedisServer",
    "ServerFailedError",
    "ServerUnavailableError",
    "Visitor",
    "available_or_skip",
    "held_port",
    "make_certificates",
]
