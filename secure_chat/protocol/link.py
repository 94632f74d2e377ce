"""The link by which people join: the server's address, whom to trust there, and what the server lets them do.

PROTOCOL.md 3: `secure-chat://HOST[:PORT]/j#1.<authority>.<log-pin>.<token>[.<inviter-pin>.<secret>]`, the
parts in canonical base64url without padding. What stands after the `#` is never sent to anybody as it stands.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from secure_chat.certificates.hosts import canonical_host, host_and_port
from secure_chat.certificates.pins import AUTHORITY_BYTES, PIN_BYTES, authority_key
from secure_chat.encoding import decode_base64url, encode_base64url
from secure_chat.errors import CertificateError, EncodingError, HostInvalid, LinkInvalid, LinkTooNew
from secure_chat.limits import DEFAULT_PORT, INVITE_SECRET_BYTES, INVITE_TOKEN_BYTES, MAX_LINK_CHARACTERS

VERSION: Final = "1"
MAX_PORT: Final = 65535

_PREFIX: Final = "secure-chat://"
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)
_NEWER: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InviterPart:
    """What only the inviter's own client can put into a link: it makes first contact verified for both."""

    pin: bytes  # 16, over the inviter's user id, name and identity key
    secret: bytes = field(repr=False)  # 16, random; known to the inviter's client and to whoever holds the link


@dataclass(frozen=True, slots=True)
class Link:
    """A link, checked. An empty token: the link is only the server's address, and invites nobody."""

    host: str  # canonical; an IPv6 address without brackets
    port: int
    authority: bytes  # 33, a point of P-256: the only root of every connection
    log_pin: bytes  # 16
    token: bytes = field(default=b"", repr=False)  # 16, or empty
    inviter: InviterPart | None = None

    def __post_init__(self) -> None:
        """Raise `LinkInvalid` when a part does not fit: such a link is neither read nor written."""
        _check(self)

    def format(self) -> str:
        """The one line that people pass on, the port always in it."""
        parts = [self.authority, self.log_pin, self.token]
        if self.inviter is not None:
            parts += [self.inviter.pin, self.inviter.secret]
        encoded = ".".join(encode_base64url(part) for part in parts)
        return f"{_PREFIX}{host_and_port(self.host, self.port)}/j#{VERSION}.{encoded}"

    def address_only(self) -> "Link":
        """The same server without token and inviter: what may be kept and shown again."""
        return Link(self.host, self.port, self.authority, self.log_pin)


def parse_link(text: str) -> Link:
    """Read a link; white space around it does not matter.

    Raises `LinkTooNew` for a later version and `LinkInvalid` for everything else; neither repeats what was pasted, for
    it may hold a token.
    """
    line = text.strip()
    if not line.startswith(_PREFIX):
        raise LinkInvalid("This is not a link of secure_chat: it does not begin with secure-chat://.")
    if len(line) > MAX_LINK_CHARACTERS:
        raise LinkInvalid(f"A link has at most {MAX_LINK_CHARACTERS} characters, this one has {len(line)}.")
    address, separator, fragment = line.removeprefix(_PREFIX).partition("/j#")
    if not separator:
        raise LinkInvalid("This link is cut off: the part after its address is missing.")
    version, *parts = fragment.split(".")
    if version != VERSION:
        _refuse_version(version)
    host, port = _parse_address(address)
    return _from_parts(host, port, parts)


def _parse_address(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise LinkInvalid("The address in this link is not a host and a port.")
    try:
        host = canonical_host(match["ipv6"] or match["name"])
    except HostInvalid:
        raise LinkInvalid("The host in this link is neither a name nor an address.") from None
    if (":" in host) != (match["ipv6"] is not None):
        raise LinkInvalid("Only an IPv6 address stands in brackets.")
    return host, int(match["port"] or DEFAULT_PORT)


def _from_parts(host: str, port: int, parts: list[str]) -> Link:
    if len(parts) == 2:
        parts = [*parts, ""]  # the point at the end of an address's link was taken for a full stop
    if len(parts) not in (3, 5):
        raise LinkInvalid(f"A link has 2, 3 or 5 parts after its version, this one {len(parts)}; was it cut off?")
    authority = _decode("authority", parts[0], AUTHORITY_BYTES)
    log_pin = _decode("log pin", parts[1], PIN_BYTES)
    token = _decode("token", parts[2], INVITE_TOKEN_BYTES) if parts[2] else b""
    inviter = None
    if len(parts) == 5:
        inviter = InviterPart(
            _decode("inviter pin", parts[3], PIN_BYTES), _decode("secret", parts[4], INVITE_SECRET_BYTES)
        )
    return Link(host, port, authority, log_pin, token, inviter)


def _decode(part: str, text: str, length: int) -> bytes:
    try:
        return decode_base64url(text, length)
    except EncodingError:
        # Without the cause: it could quote the part, and the part may be a secret.
        raise LinkInvalid(f"The {part} in this link is damaged; was it cut off or typed by hand?") from None


def _check(link: Link) -> None:
    try:
        if canonical_host(link.host) != link.host:
            raise HostInvalid
        authority_key(link.authority)
    except HostInvalid:
        raise LinkInvalid("The host in this link is neither a name nor an address.") from None
    except CertificateError as error:
        raise LinkInvalid("The authority in this link is not a key of P-256.") from error
    if not 1 <= link.port <= MAX_PORT:
        raise LinkInvalid(f"The port in this link is not between 1 and {MAX_PORT}.")
    if len(link.log_pin) != PIN_BYTES or len(link.token) not in (0, INVITE_TOKEN_BYTES):
        raise LinkInvalid("A part of this link has the wrong length.")
    if link.inviter is None:
        return
    if not link.token:
        raise LinkInvalid("This link names an inviter and has no token.")
    if len(link.inviter.pin) != PIN_BYTES or len(link.inviter.secret) != INVITE_SECRET_BYTES:
        raise LinkInvalid("A part of this link has the wrong length.")


def _refuse_version(version: str) -> NoReturn:
    if _NEWER.fullmatch(version):
        raise LinkTooNew(f"This link has version {version}; this secure-chat reads version {VERSION}.")
    raise LinkInvalid("This link names no version.")
