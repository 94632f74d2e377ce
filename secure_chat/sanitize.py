"""Text from others, made safe to draw: one place for screens, logs, tools and the server's rooms.

A terminal executes what it prints, and a screen reorders and hides on command of the text. `sanitize` takes this power
away and leaves ordinary text of every script as it is; it is idempotent and does not normalise. What goes:

- whole escape sequences; an incomplete one, C0 (except newline) and DEL become pictures (U+241B), C1, bidi embeddings,
  overrides and isolates, noncharacters and lone surrogates become U+FFFD; a tab becomes four spaces;
- invisible characters, unless the emoji or the script beside them needs them: joiners, zero-width spaces, variation
  selectors, tags, fillers; direction marks stay only where something is written from right to left;
- marks beyond the fourth on one character; a mark with nothing to stand on gets a dotted circle.

What a character is comes from a fixed table (`secure_chat.data.characters`), never from the interpreter's version of
Unicode, so that server and client agree about what changes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple, Self

from secure_chat.data.characters import ORDINARY, character_classes
from secure_chat.errors import MessageEmpty, MessageTooLong
from secure_chat.limits import MAX_COMBINING_MARKS, MAX_LOGGED_CHARACTERS, MAX_TEXT_BYTES

# Ranges in which nothing is ever changed: no control, no mark, nothing invisible. Everything else takes the long way.
_EXTRAORDINARY: Final = re.compile(
    "[^\n -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u0558\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u2bff"
    "\u3000-\u3029\u3040-\u3098\u309b-\u3163\u3165-\ua66e\uac00-\ud7a3\uff01-\uff9f\U0001f000-\U0001faff]"
)
_CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_NEWLINES: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_LINE_BREAKS: Final = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]+")
# ECMA-48 and xterm's additions. A payload holds no control character, so that no start is scanned twice.
_PAYLOAD: Final = r"[^\x00-\x08\x0a-\x1f\x7f-\x9f]*"
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    rf"|(?:\x1b[\]P_^X]|[\x9d\x90\x9f\x9e\x98]){_PAYLOAD}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, APC, PM, SOS and their texts
    r"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # short ones
)
_TAB: Final = "    "
_PICTURES: Final = {code: chr(0x2400 + code) for code in range(0x20) if code != 0x0A} | {0x7F: "\u2421"}
_REPLACEMENT: Final = "\ufffd"
_DOTTED_CIRCLE: Final = "\u25cc"
# England, Scotland, Wales. No other tags stay: they can spell any hidden text.
_TAGGED_FLAGS: Final = frozenset(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_BLANK: Final = (  # nothing to see: spaces, and what may stay though nothing shows
    " \n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000"
    "\u200b\u200c\u200d\u200e\u200f\u061c"
)


class Cut(NamedTuple):
    """A text that fits, and whether something is missing from it."""

    text: str
    was_cut: bool


def sanitize(text: str, *, multiline: bool = True) -> str:
    """`text` without power over the screen that draws it; see the module for what changes.

    With `multiline=False` a run of line breaks becomes one space, and the ends are stripped.
    """
    if not multiline:
        text = _LINE_BREAKS.sub(" ", text).strip()
    if (text.isascii() and text.isprintable()) or _EXTRAORDINARY.search(text) is None:
        return text
    if _CONTROLS.search(text) is not None:
        text = _without_controls(text)
    draft = _Draft.of(text)
    rules = _rules()
    if rules.suspicious.search(draft.classes) is not None:
        draft = _without_misplaced(draft, rules)
    if not multiline:
        draft = _Draft.of(draft.text.strip())
    return draft.edited(_circles(draft, rules)).text


def one_line(text: str) -> str:
    """`sanitize` for names, topics, titles and whatever else has one line."""
    return sanitize(text, multiline=False)


def log_safe(value: object) -> str:
    """`value` for a line of a log: unambiguous, printable, on one line, at most 200 characters and an ellipsis.

    What does not print, newlines and backslashes are written as Python escapes, so that no text forges a line.
    """
    text = str(value)
    shortened = text[:MAX_LOGGED_CHARACTERS]
    if not (shortened.isascii() and shortened.isprintable() and "\\" not in shortened):
        draft = _Draft.of("".join(map(_escaped, shortened)))
        shortened = draft.edited(_surplus_marks(draft, _rules())).text
    return shortened if len(text) <= MAX_LOGGED_CHARACTERS else shortened + "…"


def cells(text: str) -> int:
    """How many columns of a terminal a sanitised line takes."""
    if text.isascii():
        return len(text)
    from wcwidth import iter_graphemes, wcswidth  # here, because most starts of a program need not pay for it

    return sum(max(0, wcswidth(grapheme)) for grapheme in iter_graphemes(text))


def cut(text: str, limit: int) -> Cut:
    """The longest beginning of a sanitised line that fits into `limit` columns, an ellipsis included if it was cut.

    Never cuts inside a grapheme: a flag, a family, a letter with its marks stay whole or go whole.
    """
    if cells(text) <= limit:
        return Cut(text, was_cut=False)
    from wcwidth import iter_graphemes, wcswidth

    kept: list[str] = []
    room = limit - 1  # for the ellipsis
    for grapheme in iter_graphemes(text):
        room -= max(0, wcswidth(grapheme))
        if room < 0:
            break
        kept.append(grapheme)
    return Cut("".join(kept) + "…" * min(limit, 1), was_cut=True)


def fits(text: str) -> int:
    """The size of a sanitised message in bytes of UTF-8.

    Raises `MessageTooLong` above 8,192 bytes and `MessageEmpty` when there is nothing to see.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TEXT_BYTES:,}.")
    if not text.strip(_BLANK):
        raise MessageEmpty
    return size


def load_tables() -> None:
    """Read now what the first unusual text would read: some 20 ms that a server spends better before it serves."""
    _rules()


class _Edit(NamedTuple):
    """What comes in place of a stretch of a text, with its classes."""

    start: int
    end: int
    text: str = ""
    classes: str = ""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A text and, letter for letter, the classes of its characters."""

    text: str
    classes: str

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(text, text.translate(character_classes()))

    def edited(self, edits: Iterable[_Edit]) -> "_Draft":
        """The draft with all edits made; they come in order and do not overlap."""
        text: list[str] = []
        classes: list[str] = []
        position = 0
        for edit in edits:
            text += self.text[position : edit.start], edit.text
            classes += self.classes[position : edit.start], edit.classes
            position = edit.end
        if not text:
            return self
        return _Draft("".join((*text, self.text[position:])), "".join((*classes, self.classes[position:])))


@dataclass(frozen=True, slots=True)
class _Rules:
    """Patterns over the classes of characters."""

    suspicious: re.Pattern[str]  # something to change may be there; without, nothing is
    forbidden: re.Pattern[str]
    ignorable: re.Pattern[str]
    tags: re.Pattern[str]
    directions: re.Pattern[str]
    right_to_left: re.Pattern[str]
    stray_selectors: re.Pattern[str]
    crowds: re.Pattern[str]  # runs of marks, and what is invisible between them, longer than any orthography's
    stray_joiners: re.Pattern[str]
    orphans: re.Pattern[str]  # the start of a line that begins with a mark
    marks: frozenset[str]


def _without_controls(text: str) -> str:
    text = _NEWLINES.sub("\n", _ESCAPES.sub("", text))
    return text.replace("\t", _TAB).translate(_PICTURES)


def _without_misplaced(draft: _Draft, rules: _Rules) -> _Draft:
    """Leave invisible characters only where they belong, and marks only in numbers that an orthography has.

    No step removes what an earlier one has looked at as a neighbour: that is what makes the whole idempotent.
    """
    draft = draft.edited(_replacements(draft, rules))
    draft = draft.edited(_removals(rules.ignorable, draft))
    draft = draft.edited(_untrue_flags(draft, rules))
    draft = draft.edited(_removals(rules.stray_selectors, draft))
    draft = draft.edited(_surplus_marks(draft, rules))
    draft = draft.edited(_removals(rules.stray_joiners, draft))
    return draft.edited(_needless_directions(draft, rules))


def _removals(pattern: re.Pattern[str], draft: _Draft) -> Iterator[_Edit]:
    for match in pattern.finditer(draft.classes):
        yield _Edit(match.start(), match.end())


def _replacements(draft: _Draft, rules: _Rules) -> Iterator[_Edit]:
    for match in rules.forbidden.finditer(draft.classes):
        length = match.end() - match.start()
        yield _Edit(match.start(), match.end(), _REPLACEMENT * length, ORDINARY * length)


def _untrue_flags(draft: _Draft, rules: _Rules) -> Iterator[_Edit]:
    for match in rules.tags.finditer(draft.classes):
        if draft.text[max(0, match.start() - 1) : match.end()] not in _TAGGED_FLAGS:
            yield _Edit(match.start(), match.end())


def _needless_directions(draft: _Draft, rules: _Rules) -> Iterator[_Edit]:
    one_stays = rules.right_to_left.search(draft.classes) is not None
    for match in rules.directions.finditer(draft.classes):
        yield _Edit(match.start() + one_stays, match.end())


def _surplus_marks(draft: _Draft, rules: _Rules) -> Iterator[_Edit]:
    for crowd in rules.crowds.finditer(draft.classes):
        marks = 0
        kept: list[int] = []
        for place, letter in enumerate(crowd[0], crowd.start()):
            marks += letter in rules.marks
            if marks <= MAX_COMBINING_MARKS or letter not in rules.marks:
                kept.append(place)
        if marks > MAX_COMBINING_MARKS:
            text, classes = ("".join([whole[place] for place in kept]) for whole in (draft.text, draft.classes))
            yield _Edit(crowd.start(), crowd.end(), text, classes)


def _circles(draft: _Draft, rules: _Rules) -> Iterator[_Edit]:
    for match in rules.orphans.finditer(draft.classes):
        yield _Edit(match.start(), match.start(), _DOTTED_CIRCLE, ORDINARY)


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else repr(character)[1:-1]


@cache
def _rules() -> _Rules:
    having = character_classes().having
    joining = having("joining")
    pictures = having("pictographic")
    marks = having("mark")
    invisible = having(
        *("zero_width_space", "non_joiner", "joiner", "direction", "emoji_selector", "selector"),
        *("ideographic_selector", "vowel_separator", "leading_filler", "vowel_filler"),
    )
    joiner, separator = having("joiner"), having("vowel_separator")

    def letters(*properties: str) -> str:
        return "".join(sorted(set(having(*properties)) - set(marks)))

    # Each alternative begins with the character in question: that is what makes the search fast. Selectors never hang
    # on a mark, which a later step may remove.
    stray_selectors = (
        _not_after(f"{pictures}{having('keycap')}", having("emoji_selector")),
        _not_after(letters("variant", "ideograph"), having("selector")),
        _not_after(letters("ideograph"), having("ideographic_selector")),
        _not_after(letters("joining"), separator),
        f"[{separator}](?![{letters('joining')}])",
        f"[{having('leading_filler')}](?![{having('hangul_vowel')}])",
        _not_after(having("hangul_leading"), having("vowel_filler")),
    )
    stray_joiners = (
        _not_after(f"{joining}{pictures}{having('skin_tone', 'emoji_selector')}", joiner),
        f"{_not_after(joining, joiner)}(?![{pictures}])",
        _not_after(joining, having("non_joiner")),
        _not_after(having("unspaced"), having("zero_width_space")),
    )
    crowds = f"[{marks}{invisible}]{{{MAX_COMBINING_MARKS + 1},}}"
    return _Rules(
        suspicious=re.compile(f"[{invisible}{having('forbidden', 'ignorable', 'tag')}]|{crowds}"),
        forbidden=re.compile(f"[{having('forbidden')}]+"),
        ignorable=re.compile(f"[{having('ignorable')}]+"),
        tags=re.compile(f"[{having('tag')}]+"),
        directions=re.compile(f"[{having('direction')}]+"),
        right_to_left=re.compile(f"[{having('right_to_left')}]"),
        stray_selectors=re.compile("|".join(stray_selectors)),
        crowds=re.compile(crowds),
        stray_joiners=re.compile("|".join(stray_joiners)),
        orphans=re.compile(f"^(?=[{invisible}]*[{marks}])", re.MULTILINE),
        marks=frozenset(marks),
    )


def _not_after(before: str, letters: str) -> str:
    """One of `letters` that does not follow one of `before`."""
    return f"[{letters}](?<![{before}][{letters}])"
