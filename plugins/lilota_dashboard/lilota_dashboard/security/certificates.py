"""The certificate for TLS, which is looked at before the dashboard says where it is."""

from __future__ import annotations

import ssl
from pathlib import Path

from lilota.errors import ConfigurationError


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Make sure that TLS can be served with these files, if there are some.

    Args:
        key: of the certificate; None where that file has it too.

    Raises:
        ConfigurationError: it can't, or there is a key alone: without TLS, the token would travel in clear.
    """
    if certificate is None:
        if key is not None:
            raise ConfigurationError(f"--key {key} needs its certificate: name that too, with --certificate FILE.")
        return
    try:
        # A password that somebody would have to type each time is none here: a service has no terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:  # an SSLError is one
        files = f"{certificate} and the key {key}" if key else str(certificate)
        raise ConfigurationError(
            f"TLS can't be served with the certificate {files}: {error.strerror or error}. It takes PEM files: the "
            "certificate, then those of who signed it; and the key, without a password, there too or in --key FILE."
        ) from error
