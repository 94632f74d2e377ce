"""Names: one form, one script, no two that look alike; and the bytes of a passphrase."""

import re
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from secure_chat.errors import NameInvalid, PassphraseInvalid, RoomNameInvalid
from secure_chat.limits import (
    MAX_COMBINING_MARKS,
    MAX_NAME_BYTES,
    MAX_NAME_CHARACTERS,
    MAX_PASSPHRASE_BYTES,
    MAX_ROOM_NAME_CHARACTERS,
    MIN_NAME_CHARACTERS,
)
from secure_chat.names import (
    RESERVED_NAMES,
    check_room_name,
    check_user_name,
    prepare_passphrase,
    room_name,
    skeleton,
    user_name,
)
from secure_chat.sanitize import cells, one_line

name_texts = st.one_of(
    st.text(min_size=2, max_size=34),
    st.text(st.characters(categories=("L", "M", "Nd")), min_size=2, max_size=20),
    *(
        st.text(st.sampled_from(letters), min_size=2, max_size=12)
        for letters in (
            "abcXYZ019._-éß",
            "абвгдЁё0",
            "αβγΣσς",
            "אבגד1",
            "ابتث٣",
            "अआकखि्2",
            "漢字かなカナー",
            "한글각ㄱ",
            "ไทยกี่",
            "e\u0301\u0302\u0323",
        )
    ),
)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("alice", "alice"),
        ("Alice", "alice"),
        ("ALICE.B-c_9", "alice.b-c_9"),
        ("José", "josé"),
        ("Jose\u0301", "josé"),
        ("ＢＯＢ", "bob"),
        ("Straße", "straße"),
        ("АЛИСА", "алиса"),
        ("Ὀδυσσεύς", "ὀδυσσεύς"),
        ("דוד", "דוד"),
        ("عليرضا", "عليرضا"),
        ("सीता", "सीता"),
        ("山田さん", "山田さん"),
        ("김철수", "김철수"),
        ("col·lega", "col·lega"),
        ("bo", "bo"),
        ("x" * 32, "x" * 32),
        ("𐐨𐐩" * 16, "𐐨𐐩" * 16),
    ],
)
def test_a_name_has_one_form(typed: str, name: str) -> None:
    assert user_name(typed) == name
    assert user_name(name) == name
    check_user_name(name)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "The name is empty."),
        ("b", "A name has at least 2 characters."),
        ("x" * 33, "A name has at most 32 characters, this one 33."),
        ("x" * 100_000, "A name has at most 32 characters, this one 100000."),
        ("two words", "A name has no spaces: write - or _ instead."),
        ("two\u3000words", "A name has no spaces: write - or _ instead."),
        ("line\nbreak", "A name has no spaces: write - or _ instead."),
        ("alice@host", "A name cannot contain @: use letters, digits, and inside it . _ -"),
        ("#dev", "A name cannot contain #: use letters, digits, and inside it . _ -"),
        ("a/b", "A name cannot contain /: use letters, digits, and inside it . _ -"),
        ("o'brien", "A name cannot contain ': use letters, digits, and inside it . _ -"),
        ("smile😀", "A name cannot contain 😀: use letters, digits, and inside it . _ -"),
        ("bell\x07", "A name cannot contain U+0007: use letters, digits, and inside it . _ -"),
        ("o\u202ebo", "A name cannot contain U+202E: use letters, digits, and inside it . _ -"),
        ("ali\u200bce", "A name cannot contain U+200B: use letters, digits, and inside it . _ -"),
        ("علی\u200cرضا", "A name cannot contain U+200C: use letters, digits, and inside it . _ -"),
        ("al\ud800ice", "A name cannot contain U+D800: use letters, digits, and inside it . _ -"),
        ("ﬁona", "A name cannot contain ﬁ: use letters, digits, and inside it . _ -"),
        ("ᄀ\u1160x", "A name cannot contain ᄀ: use letters, digits, and inside it . _ -"),
        ("-bob", "A name begins with a letter or a digit."),
        (".bob", "A name begins with a letter or a digit."),
        ("_bob", "A name begins with a letter or a digit."),
        ("\u0301bob", "A name begins with a letter or a digit."),
        ("bob.", "A name does not end with a dot, a hyphen or an underscore."),
        ("bob-", "A name does not end with a dot, a hyphen or an underscore."),
        ("1234", "A name has at least one letter."),
        ("q" + "\u0301" * 5, "A letter of a name has at most 4 marks."),
        ("\u0430lice", "This name mixes scripts whose letters look alike: write it in one script."),
        ("αlpha", "This name mixes scripts whose letters look alike: write it in one script."),
        ("bobдан", "This name mixes scripts whose letters look alike: write it in one script."),
        ("1ابت", "Letters written from right to left do not go together with what else is in this name."),
        ("Admin", "The name admin is reserved: nobody can have it."),
        ("l0bby", "The name l0bby is reserved: nobody can have it."),
        ("аll", "This name mixes scripts whose letters look alike: write it in one script."),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_what_to_change(typed: str, sentence: str) -> None:
    with pytest.raises(NameInvalid) as refused:
        user_name(typed)
    assert str(refused.value) == sentence
    assert refused.value.code == "name.invalid"


def test_a_letter_that_unicode_got_later_is_refused_by_every_version_of_python() -> None:
    with pytest.raises(NameInvalid, match=r"^A name cannot contain "):  # newer versions can print it
        user_name("\U00011f04\U00011f04")


def test_only_the_mapped_form_passes_the_check_of_a_message() -> None:
    check_user_name("alice")
    for other in ("Alice", "jose\u0301", "ＢＯＢ"):
        with pytest.raises(NameInvalid):
            check_user_name(other)


@given(name_texts)
def test_mapping_twice_changes_nothing_and_every_name_is_safe_to_draw(text: str) -> None:
    try:
        name = user_name(text)
    except NameInvalid:
        assume(False)
    assert user_name(name) == name
    assert one_line(name) == name
    assert name.isprintable()
    assert 1 <= cells(name) <= 2 * MAX_NAME_CHARACTERS
    assert MIN_NAME_CHARACTERS <= len(name) <= MAX_NAME_CHARACTERS
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set("@#/:'\"$ \\")
    assert skeleton(name) == skeleton(user_name(name))


@given(st.text(max_size=200))
def test_only_one_kind_of_error_leaves_the_mapping(text: str) -> None:
    with suppress(NameInvalid):
        check_user_name(user_name(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "b0b"),
        ("paul", "pau1"),
        ("martin", "rnartin"),
        ("aspe", "\u0430\u0455\u0440\u0435"),  # Cyrillic as a whole
        ("ooo", "\u03bf\u03bf\u03bf"),  # Greek
        ("jos\u00e9", "jose\u0301"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("alice", "alicia"), ("bob", "rob"), ("иван", "ivan"), ("a.b", "a-b")])
def test_names_that_do_not_look_alike_have_different_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.sampled_from(sorted(RESERVED_NAMES)))
def test_reserved_names_are_refused_in_every_case(name: str) -> None:
    for typed in (name, name.upper(), name.title()):
        with pytest.raises(NameInvalid, match="is reserved"):
            user_name(typed)


def test_what_a_command_means_by_itself_is_reserved() -> None:
    assert {"all", "me", "you", "server", "system", "lobby", "here", "everyone", "secure_chat"} <= RESERVED_NAMES


@pytest.mark.parametrize(
    ("typed", "name"),
    [("dev", "dev"), ("#dev", "dev"), ("#Dev", "dev"), ("a", "a"), ("0-9_z", "0-9_z"), ("x" * 32, "x" * 32)],
)
def test_a_room_is_found_by_what_people_type(typed: str, name: str) -> None:
    assert room_name(typed) == name
    check_room_name(name)


@pytest.mark.parametrize(
    "typed", ["", "#", "##dev", "x" * 33, "two words", "dév", "dev\n", "a.b", "a/b", "\u212aelvin", "٣"]
)
def test_a_room_name_of_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(RoomNameInvalid):
        room_name(typed)
    with pytest.raises(RoomNameInvalid):
        check_room_name(typed)


@pytest.mark.parametrize("name", ["Dev", "#dev"])
def test_only_the_one_form_of_a_room_name_passes_the_check_of_a_message(name: str) -> None:
    with pytest.raises(RoomNameInvalid):
        check_room_name(name)


def test_the_limits_of_names_are_those_that_are_published() -> None:
    assert (MIN_NAME_CHARACTERS, MAX_NAME_CHARACTERS, MAX_NAME_BYTES) == (2, 32, 128)
    assert MAX_ROOM_NAME_CHARACTERS == 32
    assert MAX_PASSPHRASE_BYTES == 1024
    assert MAX_COMBINING_MARKS == 4


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [
        ("correct horse", b"correct horse"),
        ("Cased", b"Cased"),
        ("caf\u00e9", b"caf\xc3\xa9"),
        ("cafe\u0301", b"caf\xc3\xa9"),  # RFC 8265, section 4.2: NFC
        ("a\u00a0b\u3000c", b"a b c"),
        ("ﬁx", "ﬁx".encode()),
        ("π\U0001f511", "π\U0001f511".encode()),
        ("x" * 1024, b"x" * 1024),
    ],
)
def test_a_passphrase_is_the_same_bytes_from_every_keyboard(typed: str, prepared: bytes) -> None:
    assert prepare_passphrase(typed) == prepared


@pytest.mark.parametrize("typed", ["", "tab\there", "line\n", "\x00", "\ud800", "x" * 1025, "é" * 513, "x" * 10**6])
def test_a_passphrase_that_cannot_be_prepared_is_refused_without_being_shown(typed: str) -> None:
    with pytest.raises(PassphraseInvalid) as refused:
        prepare_passphrase(typed)
    assert not typed or typed not in str(refused.value)
    assert re.fullmatch(r"[A-Za-z0-9,:. ]+\.", str(refused.value))


def test_importing_names_and_sanitising_plain_text_reads_no_table() -> None:
    """The start of every command imports both: tables and PRECIS wait until they are needed."""
    program = (
        "import sys, secure_chat.names, secure_chat.sanitize as s\n"
        "s.sanitize('plain'); s.one_line('text')\n"
        "assert not {'precis_i18n', 'wcwidth', 'importlib.resources'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_server_reads_the_tables_before_it_serves() -> None:
    program = (
        "import secure_chat.names as names, secure_chat.sanitize as sanitize\n"
        "names.load_tables(); sanitize.load_tables()\n"
        "def refuse(*_): raise AssertionError('a table was read while serving')\n"
        "names.data.rows = refuse\n"
        "names.user_name('\u0430\u043b\u0438\u0441\u0430'); sanitize.sanitize('\u05d0\u200d\u0301')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
