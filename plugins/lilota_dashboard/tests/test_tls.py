"""The dashboard over TLS, with certificates of an authority of the test's."""

from __future__ import annotations

import contextlib
import ssl
from http.client import HTTPException, HTTPSConnection

import pytest
import trustme
from running import WAIT_SECONDS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a certificate, its key, both in one file, and the authority that has signed it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "certificate.pem", append=True)
    return folder


def log_in(board, files):
    """Show the token to a dashboard over TLS, and return the answer."""
    trusted = ssl.create_default_context(cafile=files / "authority.pem")
    with contextlib.closing(HTTPSConnection("127.0.0.1", board.port, context=trusted, timeout=WAIT_SECONDS)) as site:
        sent = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
        site.request("POST", "/login", f"token={board.token}", sent)
        return site.getresponse()


@pytest.mark.parametrize("options", [["both.pem"], ["certificate.pem", "--key", "key.pem"]])
def test_it_is_served_over_tls_and_the_cookie_travels_in_no_other_way(start, files, options):
    """With a key in the same file, or in one of its own."""
    board = start("--certificate", *(str(files / name) if name.endswith(".pem") else name for name in options))

    answer = log_in(board, files)

    assert board.url.startswith("https://127.0.0.1:")
    assert answer.status == 303
    assert "; Secure" in answer.headers["Set-Cookie"]
    with pytest.raises((OSError, HTTPException)):
        board.get("/health")  # in clear


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--certificate", "missing.pem"], "missing.pem: No such file or directory"),
        (["--certificate", "certificate.pem"], "the key, without a password"),
        (["--certificate", "certificate.pem", "--key", "authority.pem"], "and the key"),
        (["--certificate", "authority.pem", "--key", "key.pem"], "key values mismatch"),
        (["--key", "key.pem"], "needs its certificate"),
    ],
)
def test_what_tls_can_not_be_served_with_is_said_before_an_address(start, files, options, reason):
    """Nobody is sent to an address where nothing answers, or where the token would travel in clear."""
    typed = [str(files / option) if option.endswith(".pem") else option for option in options]

    with pytest.raises(AssertionError, match=r"It did not start: Error: ") as refused:
        start(*typed)

    assert reason.lower() in str(refused.value).lower()
    assert "LILOTA_DEBUG" not in str(refused.value)
