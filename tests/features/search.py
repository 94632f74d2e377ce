"""Looking for secrets: every way in which a program would spell one, and where it is found."""

import base64
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

_WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def spellings(secret: bytes) -> frozenset[bytes]:
    """A secret as bytes, as text of other widths, hexadecimal, base64 at every offset, and escaped."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), repr(secret)[2:-1].encode()}
    for lead in range(3):  # how many bytes stand before it in its first group of three
        encoded = base64.b64encode(bytes(lead) + secret)
        inner = encoded[(0, 2, 3)[lead] : len(encoded) - (0, 3, 2)[(lead + len(secret)) % 3]]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        return frozenset(found)
    found |= {text.encode(encoding) for encoding in _WIDE_ENCODINGS}
    found |= {urllib.parse.quote(text).encode(), json.dumps(text)[1:-1].encode()}
    return frozenset(found)


def secrets_in(haystack: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    """The names of the secrets that stand there, however they are spelled."""
    return [name for name, secret in secrets.items() if any(spelling in haystack for spelling in spellings(secret))]


def bytes_below(directory: Path, *but: Path) -> bytes:
    """All files of a tree, joined; `but`: without these."""
    found = sorted(path for path in directory.rglob("*") if path.is_file() and path not in but)
    return b"\n".join(path.read_bytes() for path in found)
