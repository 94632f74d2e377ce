"""Looking for secrets: every way in which a program would spell one, and where it is found."""

import base64
import json
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

_WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_WORD: Final = 8  # bytes that a haystack is read by
_HAS_A_WORD: Final = 2 * _WORD - 1  # bytes of which a whole aligned word is part, wherever they stand


@lru_cache(maxsize=1000)
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
    """The names of the secrets that stand there, however they are spelled.

    One pass for all of them: at whichever offset a spelling stands, one of its words is an aligned word of the
    haystack. Only spellings of which a word is there, and those too short for one, are looked for by themselves.
    """
    words = {word for secret in secrets.values() for spelling in spellings(secret) for word in _words(spelling)}
    there = words.intersection(memoryview(haystack)[: len(haystack) // _WORD * _WORD].cast("Q"))

    def stands(spelling: bytes) -> bool:
        may = len(spelling) < _HAS_A_WORD or not there.isdisjoint(_words(spelling))
        return may and spelling in haystack

    return [name for name, secret in secrets.items() if any(map(stands, spellings(secret)))]


def _words(spelling: bytes) -> Iterator[int]:
    """As a reader of aligned words sees it: for each offset at which it may stand, one word."""
    if len(spelling) >= _HAS_A_WORD:
        for offset in range(_WORD):
            yield int.from_bytes(spelling[offset : offset + _WORD], sys.byteorder)


def bytes_below(directory: Path, *but: Path) -> bytes:
    """All files of a tree, joined; `but`: without these."""
    found = sorted(path for path in directory.rglob("*") if path.is_file() and path not in but)
    return b"\n".join(path.read_bytes() for path in found)
