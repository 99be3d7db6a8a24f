"""Which network addresses are public: those that a server may fetch from on behalf of a client.

`is_global` of the standard library is not enough: it accepts multicast addresses, and IPv6
addresses that wrap a private IPv4 address. It also depends on the Python version. So IPv6 is
restricted to the range of global unicast, and every IPv4 address inside is examined as well.
"""

from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Address = IPv4Address | IPv6Address

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; its local variant 64:ff9b:1::/48 is never public
ISATAP_INTERFACES = (0x00005EFE, 0x02005EFE)  # RFC 5214: upper half of the interface identifier
REFUSED = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT, and metadata services of some clouds
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4: its relays are withdrawn (RFC 7526)
    IPv6Network("3fff::/20"),
)


def is_public(text: str) -> bool:
    """Whether an address, and every address that it wraps, is a public host's.

    Args:
        text: An IPv4 or IPv6 address as the system's resolver writes it, perhaps with a zone.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    wrapped = list(iter_wrapped(address))
    if not is_carrier(address) and not is_unicast(address):
        return False
    return all(is_unicast(inner) for inner in wrapped)


def is_carrier(address: Address) -> bool:
    """Whether packets to the address go to the IPv4 address inside, which alone decides."""
    return isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or address in NAT64
    )


def is_unicast(address: Address) -> bool:
    """Whether the address itself, without those that it wraps, is one of a public host."""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in GLOBAL_UNICAST):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in REFUSED if network.version == address.version)
    )


def iter_wrapped(address: Address) -> Iterator[IPv4Address]:
    """Yields the IPv4 addresses inside an IPv6 address: mapped, NAT64 and ISATAP.

    Those with 6to4 or Teredo addresses inside are refused as a whole.
    """
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address in NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) >> 32 & 0xFFFFFFFF in ISATAP_INTERFACES:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
