"""Addresses of callers and the networks that they are compared with, one way of writing each."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_MASK: Final = re.compile(r"[^/%]+(/[0-9]{1,3})?", re.ASCII)


def network_of(text: str) -> Network:
    """The network that an address or a CIDR names: `192.0.2.7` is `192.0.2.7/32`, and so is `::ffff:192.0.2.7`.

    Raises:
        ValueError: It names none.
    """
    if not _MASK.fullmatch(text):
        raise ValueError("not an IP address or a network such as 192.0.2.0/24")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("not an IP address or a network such as 192.0.2.0/24") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


def address_of(text: str) -> Address | None:
    """The address, an IPv4 one where it is one in the clothes of IPv6; None when the text is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def contains(networks: Iterable[Network], address: Address) -> bool:
    """One of the networks has the address."""
    return any(address in network for network in networks)
