"""Which addresses belong to the internet, and which to the inside of a network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: What a gateway translates to IPv4: the address is what stands in the last 32 bits.
_NAT64: Final = ip_network("64:ff9b::/96")
#: All that was ever given out for hosts on the internet.
_OF_HOSTS: Final = ip_network("2000::/3")
_NEVER: Final = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # of protocols, such as Teredo, which has an IPv4 address inside
            "2002::/16",  # 6to4: the same
            "3fff::/20",  # documentation; older Pythons do not know it
            "192.0.0.0/24",  # of protocols, too; Pythons differ about a part of it
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # what serves virtual machines on Azure, by a public address
        ),
    )
)


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the internet, which anybody may be told of.

    Not so are loopback, private and link-local addresses (169.254.169.254, which gives out the credentials of a
    virtual machine, is one), shared, multicast, reserved and unspecified ones, and those that hide an IPv4 address.
    """
    address = unwrapped(address)
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    return address in _OF_HOSTS and address.is_global


def is_allowed(address: Address, networks: tuple[Network, ...]) -> bool:
    """Tell whether an address is public, or in one of the networks that somebody has allowed."""
    return is_public(address) or any(unwrapped(address) in network for network in networks)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address to which packets go in the end, where an IPv6 address stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address
