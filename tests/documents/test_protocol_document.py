"""PROTOCOL.md says what the code does: its tables are made from the code, its worked exchange decodes."""

import re

from secure_chat import limits
from secure_chat.protocol.codec import decode_command, decode_said
from secure_chat.protocol.frames import split_frames
from tests.documents.protocol_tables import DOCUMENT, TABLES, named, rendered

_LIMIT = re.compile(r"`(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
_LINE = re.compile(r"^(?P<side>[CS]): (?P<hex>[0-9a-f ]+)$", re.MULTILINE)


def test_the_tables_of_the_document_are_those_of_the_code() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert rendered(document) == document, "write them anew: python -m tests.documents.protocol_tables"


def test_no_table_is_missing_from_the_document() -> None:
    assert sorted(named(DOCUMENT.read_text(encoding="utf-8"))) == sorted(TABLES)


def test_the_worked_exchange_is_made_of_whole_valid_frames() -> None:
    lines = [
        (match["side"], bytes.fromhex(match["hex"])) for match in _LINE.finditer(DOCUMENT.read_text(encoding="utf-8"))
    ]
    assert len(lines) >= 6
    for side, data in lines:
        for body in split_frames(data):
            (decode_command if side == "C" else decode_said)(body)


def test_every_limit_that_the_text_names_exists() -> None:
    names = {match["name"] for match in _LIMIT.finditer(DOCUMENT.read_text(encoding="utf-8"))}
    assert names
    assert sorted(name for name in names if not hasattr(limits, name)) == []
