"""Which addresses nobody in a jail may reach: this host, private networks, a cloud's metadata.

Judges numbers only. Guards that an IPv4 address hidden in an IPv6 one is judged as what it is.
"""

import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Return the address that a text is, also in the odd spellings of IPv4, or None for a name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    try:
        numbers = [int(part, 0 if not _octal(part) else 8) for part in parts]
    except ValueError:
        return None
    *firsts, last = numbers
    if any(not 0 <= number < 256 for number in firsts) or not 0 <= last < 256 ** (5 - len(parts)):
        return None
    whole = last
    for place, number in enumerate(firsts):
        whole += number << (24 - 8 * place)
    return ipaddress.IPv4Address(whole)


def _octal(part: str) -> bool:
    return len(part) > 1 and part[0] == "0" and part.isdecimal()


def is_metadata(address: Address) -> bool:
    """Whether a cloud tells its machines' credentials there: refused whatever is allowed."""
    return _inner(address) in _METADATA


def is_public(address: Address) -> bool:
    """Whether the address is one of the public Internet."""
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and inner not in _METADATA


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address
