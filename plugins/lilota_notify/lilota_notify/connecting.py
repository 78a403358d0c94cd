"""Connect to a host of strangers: to an address that was looked at before, and to no other."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from lilota_notify.addresses import Address, is_allowed
from lilota_notify.errors import NotDeliveredError, UndeliverableError
from lilota_notify.settings import Webhooks
from lilota_notify.targets import WebTarget


@contextlib.contextmanager
def connected(target: WebTarget, webhooks: Webhooks, seconds: float) -> Iterator[socket.socket]:
    """Give a connection to a host, encrypted if its URL says so; it is cut when the time is up.

    The name is looked up once, and what was looked up is judged and connected to. A name that has another address a
    moment later, an internal one, gains nothing by that.

    Raises:
        UndeliverableError: none of the addresses of the host is one of the internet, or allowed.
        NotDeliveredError: nobody answers there, or not in time, or it is not who it should be.
    """
    ends_at = time.monotonic() + seconds
    sock = _first_connection(target, _allowed_addresses(target, webhooks), ends_at)
    with sock, _cut_after(sock, ends_at - time.monotonic()) as is_cut:
        try:
            with _encrypted(sock, target.host) if target.is_encrypted else sock as stream:
                yield stream
        except OSError as error:
            why = f"it took more than {seconds:g} s" if is_cut.is_set() else str(error)
            raise NotDeliveredError(f"{target.host} did not take it: {why}.") from error


def _allowed_addresses(target: WebTarget, webhooks: Webhooks) -> list[Address]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDeliveredError(f"The host {target.host!r} can't be found: {error}.") from error
    addresses = list(dict.fromkeys(ip_address(each[4][0]) for each in found))
    networks = tuple(map(ip_network, webhooks.networks))
    allowed = [address for address in addresses if is_allowed(address, networks)]
    if not allowed:
        raise UndeliverableError(
            f"The host {target.host!r} is inside of a network, and is not told: the operator allows that by 'networks'."
        )
    return allowed


def _first_connection(target: WebTarget, addresses: list[Address], ends_at: float) -> socket.socket:
    failures: list[OSError] = []
    for address in addresses:
        seconds = max(0.1, ends_at - time.monotonic()) / (len(addresses) - len(failures))  # some for each of the others
        try:
            sock = socket.create_connection((str(address), target.port), timeout=seconds)
        except OSError as error:
            failures.append(error)
        else:
            sock.settimeout(None)  # from here on, it is cut
            return sock
    raise NotDeliveredError(
        f"There is no way to {target.host} on the port {target.port}: {failures[0]}."
    ) from failures[0]


def _encrypted(sock: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(sock, server_hostname=host)


@contextlib.contextmanager
def _cut_after(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Cut a connection when the time is up; give what tells whether that has happened.

    A time limit of a socket is for one byte: whoever sends them slowly enough never exceeds it.
    """
    is_cut = threading.Event()
    twin = sock.dup()  # the connection goes by another object once it is encrypted

    def cut() -> None:
        is_cut.set()
        with contextlib.suppress(OSError):  # it has ended by itself
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()
        timer.join()
        twin.close()
