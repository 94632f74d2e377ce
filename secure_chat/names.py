"""What a user, a room and a passphrase may be made of, their one form, and which names look alike.

PROTOCOL.md 6. A name is mapped once, where a person types it, and compared byte by byte from then on. Names
mean the same under every supported version of Python: characters younger than Unicode 14 are refused.
"""

import re
import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import groupby
from typing import Final

from secure_chat import data
from secure_chat.errors import NameInvalid, PassphraseInvalid, RoomNameInvalid
from secure_chat.limits import (
    MAX_COMBINING_MARKS,
    MAX_NAME_CHARACTERS,
    MAX_PASSPHRASE_BYTES,
    MAX_ROOM_NAME_CHARACTERS,
    MIN_NAME_CHARACTERS,
)

# A name that could be taken for the program, for everybody, or for a part of a command.
RESERVED_NAMES: Final = frozenset(
    {
        *("secure_chat", "secure-chat", "securechat", "server", "system", "service", "notice"),  # who speaks for it
        *("admin", "administrator", "root", "operator", "moderator", "owner", "staff", "support", "help", "security"),
        *("all", "everyone", "everybody", "anyone", "channel", "room", "rooms", "lobby", "here"),  # who is addressed
        *("me", "you", "self", "myself", "nobody", "anonymous", "unknown", "deleted", "guest", "user"),  # no one person
    }
)

_ROOM_NAME: Final = re.compile(rf"[a-z0-9_-]{{1,{MAX_ROOM_NAME_CHARACTERS}}}", re.ASCII)
_ASCII_IN_NAMES: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_ANY_SCRIPT: Final = frozenset({"Zyyy", "Zinh"})
# Writing systems of several scripts (UTS #39, section 5.1).
_WRITTEN_TOGETHER: Final = {
    "Hani": ("Hanb", "Jpan", "Kore"),
    "Hira": ("Jpan",),
    "Kana": ("Jpan",),
    "Hang": ("Kore",),
    "Bopo": ("Hanb",),
}


def user_name(text: str) -> str:
    """The one form of a user's name, as it is stored and compared: PRECIS UsernameCaseMapped (RFC 8265) and our rules.

    2 to 32 characters of one script: letters, marks, digits and, inside, `.`, `_` and `-`. Raises `NameInvalid` with a
    sentence that says what to change.
    """
    name = _mapped(text)
    _check_length(name)
    _check_characters(name)
    _check_ends(name)
    _check_marks(name)
    _check_one_script(name)
    if skeleton(name) in _reserved_skeletons():
        raise NameInvalid(f"The name {name} is reserved: nobody can have it.")
    return name


def check_user_name(name: str) -> None:
    """Check that `name` is a user's name in its one form, as every message carries it. Raises `NameInvalid`."""
    if user_name(name) != name:
        raise NameInvalid("This name is not in its mapped form.")


def skeleton(name: str) -> str:
    """What all names that look like `name` have in common (UTS #39, section 4); case counts as looking alike.

    Two accounts must not have the same skeleton. Never shown to anybody, and no name itself.
    """
    return _look(_look(name).lower())


def room_name(text: str) -> str:
    """The name of the room that a person means by `text`, which may begin with # and have capitals.

    1 to 32 of a-z, 0-9, - and _. Raises `RoomNameInvalid`.
    """
    name = text.removeprefix("#")
    if name.isascii():
        name = name.lower()
    check_room_name(name)
    return name


def check_room_name(name: str) -> None:
    """Check that `name` is a room's name as every message carries it, without #. Raises `RoomNameInvalid`."""
    if _ROOM_NAME.fullmatch(name) is None:
        raise RoomNameInvalid


def prepare_passphrase(text: str) -> bytes:
    """The bytes of a passphrase, the same from every keyboard: PRECIS OpaqueString (RFC 8265) as UTF-8.

    Raises `PassphraseInvalid` for nothing, for control characters, and for more than 1,024 bytes.
    """
    from precis_i18n import get_profile  # here, because most commands never ask for a passphrase

    if len(text) > MAX_PASSPHRASE_BYTES:
        raise PassphraseInvalid(f"A passphrase has at most {MAX_PASSPHRASE_BYTES:,} bytes.")
    if not text:
        raise PassphraseInvalid("The passphrase is empty.")
    try:
        prepared = get_profile("OpaqueString").enforce(text).encode("utf-8")
    except UnicodeEncodeError as error:
        raise PassphraseInvalid(
            "The passphrase has a character that not every machine knows or can type: leave it out."
        ) from error
    if len(prepared) > MAX_PASSPHRASE_BYTES:
        raise PassphraseInvalid(f"A passphrase has at most {MAX_PASSPHRASE_BYTES:,} bytes.")
    return prepared


def load_tables() -> None:
    """Read now what the first name would read: some 30 ms that a server spends better before it serves."""
    user_name("zo\u00eb")


def _mapped(text: str) -> str:
    from precis_i18n import get_profile  # here, because most starts of the client never need it

    if not text:
        raise NameInvalid("The name is empty.")
    if len(text) > 4 * MAX_NAME_CHARACTERS:  # mapping may shorten, but not by so much
        raise NameInvalid(_too_long(len(text)))
    if any(character.isspace() for character in text):
        raise NameInvalid("A name has no spaces: write - or _ instead.")
    try:
        return str(get_profile("UsernameCaseMapped").enforce(text))
    except UnicodeEncodeError as error:
        if error.reason == "DISALLOWED/bidi_rule":
            raise NameInvalid(
                "Letters written from right to left do not go together with what else is in this name."
            ) from error
        if error.end - error.start == 1:
            raise NameInvalid(_not_allowed(error.object[error.start])) from error
        raise NameInvalid("This name cannot be brought into one form: leave out unusual letters.") from error


def _check_length(name: str) -> None:
    if len(name) < MIN_NAME_CHARACTERS:
        raise NameInvalid(f"A name has at least {MIN_NAME_CHARACTERS} characters.")
    if len(name) > MAX_NAME_CHARACTERS:
        raise NameInvalid(_too_long(len(name)))


def _check_characters(name: str) -> None:
    for character in name:
        # The table has letters, marks, digits and punctuation: no joiner, though PRECIS allows some where they show.
        allowed = character in _ASCII_IN_NAMES if character.isascii() else bool(_scripts_of(character))
        if not allowed:
            raise NameInvalid(_not_allowed(character))


def _check_ends(name: str) -> None:
    if not name[0].isalnum():
        raise NameInvalid("A name begins with a letter or a digit.")
    if name[-1] in "._-":
        raise NameInvalid("A name does not end with a dot, a hyphen or an underscore.")
    if not any(unicodedata.category(character)[0] == "L" for character in name):
        raise NameInvalid("A name has at least one letter.")


def _check_marks(name: str) -> None:
    for is_mark, run in groupby(name, lambda character: unicodedata.category(character) in {"Mn", "Me"}):
        if is_mark and len(list(run)) > MAX_COMBINING_MARKS:
            raise NameInvalid(f"A letter of a name has at most {MAX_COMBINING_MARKS} marks.")


def _check_one_script(name: str) -> None:
    if name.isascii():
        return
    common: frozenset[str] | None = None
    for character in name:
        scripts = _scripts_of(character)
        if scripts & _ANY_SCRIPT:
            continue
        common = scripts if common is None else common & scripts
        if not common:
            raise NameInvalid("This name mixes scripts whose letters look alike: write it in one script.")


def _scripts_of(character: str) -> frozenset[str]:
    """The writing systems that use this letter, mark or digit; none for one that no name may have."""
    point = ord(character)
    starts, rows = _script_table()
    index = bisect_right(starts, point) - 1
    if index < 0 or point > rows[index][0]:
        return frozenset()
    return rows[index][1]


@cache
def _script_table() -> tuple[list[int], list[tuple[int, frozenset[str]]]]:
    """First code points, and beside them the last ones and their writing systems."""
    starts: list[int] = []
    rows: list[tuple[int, frozenset[str]]] = []
    for first, last, *scripts in data.rows(data.SCRIPTS):
        together = (system for script in scripts for system in _WRITTEN_TOGETHER.get(script, ()))
        starts.append(int(first, 16))
        rows.append((int(last, 16), frozenset({*scripts, *together})))
    return starts, rows


@cache
def _confusables() -> dict[int, str]:
    return {
        int(source, 16): "".join(chr(int(point, 16)) for point in target)
        for source, *target in data.rows(data.CONFUSABLES)
    }


@cache
def _reserved_skeletons() -> frozenset[str]:
    return frozenset(map(skeleton, RESERVED_NAMES))


def _look(text: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).translate(_confusables()))


def _too_long(length: int) -> str:
    return f"A name has at most {MAX_NAME_CHARACTERS} characters, this one {length}."


def _not_allowed(character: str) -> str:
    shown = character if character.isprintable() and not unicodedata.combining(character) else f"U+{ord(character):04X}"
    return f"A name cannot contain {shown}: use letters, digits, and inside it . _ -"
