"""Certificates for servers with TLS: an authority that nobody else knows, and what it has issued for a server here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lilota_test_servers.accounts import Account
from lilota_test_servers.errors import ServerUnavailableError

if TYPE_CHECKING:
    import trustme

#: What the servers of tests are called by their clients.
_NAMES = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files in PEM, in one folder.

    Attributes:
        ca: the certificate of the authority, for clients: as `sslrootcert` or `ssl_ca_certs`.
        cert: the certificate of the server.
        key: its private key, which only its owner can read.
    """

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Certificates:
        """Return how the files are called in a folder."""
        return cls(ca=folder / "ca.pem", cert=folder / "server.pem", key=folder / "server.key")

    def copy_to(self, folder: Path, account: Account) -> Certificates:
        """Copy them to where an account can read them, and return where that is."""
        copies = self.in_folder(folder)
        for source, copy in ((self.ca, copies.ca), (self.cert, copies.cert), (self.key, copies.key)):
            _write_private(copy, source.read_bytes())
            account.give(copy)
        return copies


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Make an authority and a certificate of a server, in a folder. Each call makes another authority.

    Args:
        names: the host names and addresses that it is for; without any, localhost and 127.0.0.1.

    Raises:
        ServerUnavailableError: the Python package `trustme`, which makes them, is not installed.
    """
    authority = _new_authority()
    issued = authority.issue_cert(*(names or _NAMES))
    files = Certificates.in_folder(folder)
    authority.cert_pem.write_to_path(files.ca)
    _write_private(files.cert, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    _write_private(files.key, issued.private_key_pem.bytes())
    return files


def _new_authority() -> trustme.CA:
    try:
        import trustme
    except ImportError as error:
        raise ServerUnavailableError(
            "Certificates need the Python package `trustme`, which is not installed. Install it: pip install trustme"
        ) from error
    return trustme.CA()


def _write_private(path: Path, content: bytes) -> None:
    # PostgreSQL does not start with a key that others can read, not even for a moment.
    path.touch(mode=0o600)
    path.write_bytes(content)
