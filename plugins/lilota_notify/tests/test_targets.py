"""What may be told is read strictly: one URL or one mailbox, and nothing that two programs could read in two ways."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from lilota_notify import notify
from lilota_notify.addresses import is_allowed, is_public
from lilota_notify.asking import wish_of
from lilota_notify.targets import MailTarget, WebTarget, target_of

from lilota.errors import InvalidInputError


def test_urls_and_mailboxes_are_taken_apart():
    assert target_of("https://Hooks.Example.com.:8443/a?b=c#d") == WebTarget(True, "hooks.example.com", 8443, "/a?b=c")
    assert target_of("http://[2606:4700::1]") == WebTarget(False, "2606:4700::1", 80, "/")
    assert target_of("mailto:Ann+tasks@Example.com") == MailTarget("Ann+tasks", "example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example.com",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "https://",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://user:hunter2@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/ HTTP/1.1\r\nX-Injected: 1",
        "https://hooks.example.com/\nHost: x",
        "https://hooks.example.com/a b",
        "https://hooks.example.com:port/",
        "https://hooks.example.com:99999/",
        "https://[::1/",
        "https://hooks..example.com/",
        "https://exämple.com/",
        "https://example。com/",
        "https://127。0。0。1/",
        "https://a/" + "a" * 2000,
        "mailto:",
        "mailto:ann",
        "mailto:@example.com",
        "mailto:ann@example.com,eve@example.org",
        "mailto:ann@example.com?bcc=eve@example.org",
        "mailto:ann@example.com\nBcc: eve@example.org",
        "mailto:=?utf-8?q?a=0ABcc?=@example.com",
        "mailto:ann%evil.org@example.com",
        "mailto:<ann@example.com>",
        "mailto:ann@[127.0.0.1]",
    ],
)
def test_what_is_neither_is_refused(text):
    with pytest.raises(InvalidInputError) as raised:
        target_of(text)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "100::1",
        "2001::1",
        "2001:0:a9fe:a9fe::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_internal_address_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(ip_address(address))


def test_networks_that_are_allowed_open_nothing_beside_them():
    networks = (ip_network("10.0.5.0/24"),)

    assert is_allowed(ip_address("10.0.5.7"), networks)
    assert is_allowed(ip_address("::ffff:10.0.5.7"), networks)
    assert not is_allowed(ip_address("10.0.6.7"), networks)


def test_a_wish_is_written_in_three_ways():
    url = "https://hooks.example.com/"

    assert wish_of(url) == wish_of([url]) == wish_of({"to": [url]}) == wish_of(notify(url)["notify"])
    assert notify(url, states=["failed"], output=True)["notify"] == {"to": [url], "states": ["failed"], "output": True}


@pytest.mark.parametrize(
    "wish", [17, [], {}, {"to": "x"}, ["ftp://a/"], {"to": ["https://a/"], "state": ["failed"]}, ["https://a/"] * 11]
)
def test_a_wish_that_can_not_be_fulfilled_is_refused(wish):
    with pytest.raises(InvalidInputError):
        wish_of(wish)


def test_a_state_in_which_no_task_ends_is_refused():
    with pytest.raises(InvalidInputError, match="states"):
        notify("https://hooks.example.com/", states=["runing"])
