"""Host names and addresses: the one form in which links, certificates and messages write them."""

import ipaddress
import re
from typing import Final

from secure_chat.errors import HostInvalid
from secure_chat.limits import MAX_HOST_CHARACTERS

# Letters, digits and hyphens (RFC 1123, 2.1); labels of 1 to 63; a name in another script is written as xn--….
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)

_REFUSED: Final = "{} is not a host name or an address."
_SHOWN: Final = 60  # characters of a wrong name that an error repeats


def canonical_host(text: str) -> str:
    """A host name in lower case, or an address in its shortest form, an IPv6 one without brackets.

    Raises `HostInvalid` for anything else: other scripts, wildcards, a dot at the end, an address with a zone, an IPv4
    address written as IPv6, and a name whose last label is a number, which some programs would read as an address.
    """
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise HostInvalid(_REFUSED.format(ascii(text[:_SHOWN])))
    if address is not None:
        return str(address)
    name = text.lower()
    if (
        len(text) > MAX_HOST_CHARACTERS
        or not text.isascii()
        or not _NAME.fullmatch(name)
        or name.rpartition(".")[2].isdigit()
    ):
        raise HostInvalid(_REFUSED.format(ascii(text[:_SHOWN])))
    return name


def is_address(host: str) -> bool:
    """Whether a canonical host is an address rather than a name."""
    return _address(host) is not None


def host_and_port(host: str, port: int) -> str:
    """Both as people write them: `team.example.org:7443`, `[::1]:7443`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not text.isascii() or "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
