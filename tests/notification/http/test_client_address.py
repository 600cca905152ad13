"""Where a request comes from."""

import pytest
from starlette.datastructures import Headers

from notification.http.client_address import client_address
from notification.networks import address_of, network_of

TRUSTED = [network_of("10.0.0.0/8"), network_of("fd00::/8")]


def _client(peer: str, *headers: tuple[str, str]) -> str:
    address = address_of(peer)
    assert address is not None
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return str(client_address(address, Headers(raw=raw), TRUSTED))


def test_a_stranger_is_not_believed() -> None:
    """Whoever is no trusted proxy is the client, whatever it says."""
    assert _client("192.0.2.9", ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")) == "192.0.2.9"


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("192.0.2.7:8080", "192.0.2.7"),
        ("[2001:db8::7]:80", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("192.0.2.7, garbage", "10.0.0.1"),
        ("192.0.2.7, garbage, 10.0.0.2", "10.0.0.2"),
        ("192.0.2.7,", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("\xff\n\x00", "10.0.0.1"),
    ],
)
def test_the_chain_is_read_from_the_right(value: str, client: str) -> None:
    """The first address that no trusted proxy has; what the client wrote before it does not count."""
    assert _client("10.0.0.1", ("x-forwarded-for", value)) == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ('For="[2001:db8::7]:4711";proto=https', "2001:db8::7"),
        ("by=10.0.0.1; for=192.0.2.7 ;host=x", "192.0.2.7"),
        ("for=6.6.6.6, for=192.0.2.7", "192.0.2.7"),
        ("for=192.0.2.7, for=_hidden", "10.0.0.1"),
        ("for=192.0.2.7;for=6.6.6.6", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ('for="192.0.2.7, for=6.6.6.6', "6.6.6.6"),
    ],
)
def test_the_standard_header_is_read_too(value: str, client: str) -> None:
    """`Forwarded`, as RFC 7239 has it."""
    assert _client("10.0.0.1", ("forwarded", value)) == client


def test_lines_of_a_header_are_one_chain() -> None:
    """A proxy may add a line instead of a word."""
    assert _client("10.0.0.1", ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7")) == "192.0.2.7"


def test_two_headers_that_differ_are_not_believed() -> None:
    """A proxy writes one of them and passes on the other, which the client may have invented."""
    assert _client("10.0.0.1", ("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=6.6.6.6")) == "10.0.0.1"
    assert _client("10.0.0.1", ("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")) == "192.0.2.7"
