"""Addresses and networks."""

import pytest

from notification.networks import address_of, contains, network_of


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::FFFF:C000:207/128", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("2001:DB8:0:0::1", "2001:db8::1/128"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_way_of_writing(text: str, network: str) -> None:
    """However it is written, the same network is the same text."""
    assert str(network_of(text)) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.7/33",
        "192.0.2.7/",
        "192.0.2.0/255.255.255.0",
        "192.0.2.0/0.0.0.255",
        "fe80::1%eth0",
        "0300.0.2.7",
        "3221225991",
        "192.0.2.7\n",
        "::1/129",
        "1/2/3",
        "१.0.2.7",
    ],
)
def test_garbage_is_no_network(text: str) -> None:
    """Masks that read two ways, zones, numbers and other scripts are not guessed at."""
    with pytest.raises(ValueError, match="not an IP address"):
        network_of(text)


def test_an_address_is_found_whatever_its_clothes() -> None:
    """A dual-stack socket tells IPv4 addresses as IPv6 ones."""
    address = address_of("::ffff:192.0.2.7")

    assert address is not None
    assert contains([network_of("2001:db8::/32"), network_of("192.0.2.0/24")], address)
    assert not contains([network_of("192.0.3.0/24")], address)
    assert address_of("somewhere") is None
