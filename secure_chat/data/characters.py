"""What sanitising asks of a character, as one letter, so that rules about neighbours are patterns over letters."""

from bisect import bisect_right
from functools import cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from secure_chat import data

ORDINARY: Final = "."  # the letter of all that no rule speaks of
NEWLINE: Final = "\n"  # stands for itself, so that patterns know lines

# Single characters with a rule of their own; the names below and those of the table are what `having` takes.
_SPECIAL: Final = {
    "zero_width_space": "\u200b",
    "non_joiner": "\u200c",
    "joiner": "\u200d",
    "direction": "\u200e\u200f\u061c",
    "emoji_selector": "\ufe0e\ufe0f",
    "selector": "".join(map(chr, range(0xFE00, 0xFE0E))) + "\u180b\u180c\u180d\u180f",
    "ideographic_selector": "".join(map(chr, range(0xE0100, 0xE01F0))),
    "vowel_separator": "\u180e",
    "leading_filler": "\u115f",
    "vowel_filler": "\u1160",
    "skin_tone": "".join(map(chr, range(0x1F3FB, 0x1F400))),
    "keycap": "#*0123456789",
    "tag": "".join(map(chr, range(0xE0020, 0xE0080))),
    # bidi embeddings, overrides and isolates, interlinear annotation, C1
    "forbidden": "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufff9\ufffa\ufffb"
    + "".join(map(chr, range(0x80, 0xA0))),
    "ignorable": "\ufffc",  # the place of an object that is not there
}
_HANGUL_LEADING: Final = (range(0x1100, 0x115F), range(0xA960, 0xA97D))
_HANGUL_VOWELS: Final = (range(0x1161, 0x11A8), range(0xD7B0, 0xD7C7))
_SURROGATES: Final = range(0xD800, 0xE000)
_OLD_NONCHARACTERS: Final = range(0xFDD0, 0xFDF0)
_REMEMBERED: Final = 0x1FB00  # classes of code points below this are kept once looked up: 5 MB if all of them come


class CharacterClasses(dict[int, int]):
    """For `str.translate`: code point to the letter of its class."""

    def __init__(self) -> None:
        super().__init__()
        self._letters: dict[frozenset[str], int] = {frozenset(): ord(ORDINARY)}
        self._starts: list[int] = []
        self._ranges: list[tuple[int, int]] = []  # last code point, letter
        for first, last, *properties in data.rows(data.TEXT_CLASSES):
            self._starts.append(int(first, 16))
            self._ranges.append((int(last, 16), self._letter(frozenset(properties))))
        for name, characters in _SPECIAL.items():
            self.update(dict.fromkeys(map(ord, characters), self._letter(frozenset({name}))))
        for name, blocks in (("hangul_leading", _HANGUL_LEADING), ("hangul_vowel", _HANGUL_VOWELS)):
            for block in blocks:
                self.update(dict.fromkeys(block, self._letter(frozenset({name}))))
        self[ord("\n")] = ord(NEWLINE)
        self._forbidden = self._letter(frozenset({"forbidden"}))

    def having(self, *properties: str) -> str:
        """The letters of all classes with at least one of the properties, to stand between [ and ]."""
        return "".join(chr(letter) for names, letter in self._letters.items() if not names.isdisjoint(properties))

    def __missing__(self, point: int) -> int:
        letter = self._look_up(point)
        if point < _REMEMBERED:
            self[point] = letter
        return letter

    def _look_up(self, point: int) -> int:
        if point & 0xFFFE == 0xFFFE or point in _SURROGATES or point in _OLD_NONCHARACTERS:
            return self._forbidden
        index = bisect_right(self._starts, point) - 1
        if index >= 0 and point <= self._ranges[index][0]:
            return self._ranges[index][1]
        return ord(ORDINARY)

    def _letter(self, properties: frozenset[str]) -> int:
        """The letter of a combination of properties; none of them means anything special in a pattern's set."""
        return self._letters.setdefault(properties, _letter_number(len(self._letters) - 1))


@cache
def character_classes() -> CharacterClasses:
    """The classes, read at first use."""
    return CharacterClasses()


def _letter_number(index: int) -> int:
    letters = ascii_uppercase + ascii_lowercase + digits
    return ord(letters[index])
