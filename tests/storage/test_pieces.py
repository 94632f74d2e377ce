"""The small parts of the store: blobs, page ends, statements, and that every kind of entry is decided."""

import sqlite3
import typing
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from secure_chat.limits import MAX_BLOB_BYTES
from secure_chat.storage.blobs import pack
from secure_chat.storage.decisions.table import DECISIONS
from secure_chat.storage.entries import AnyEntry
from secure_chat.storage.event_kinds import KIND_OF
from secure_chat.storage.page_cut import ROOM_FOR_ROWS, cut
from secure_chat.storage.search_words import expression_of
from secure_chat.storage.statements import compiled, insertion, parameter
from secure_chat.storage.tables import metadata, rooms


def test_entries_of_every_kind_are_decided() -> None:
    assert set(DECISIONS) == set(typing.get_args(AnyEntry))


def test_every_kind_of_event_has_its_own_number() -> None:
    assert sorted(KIND_OF.values()) == [1, 2, 3, 4, 5]


@given(st.lists(st.integers(1, 2 * MAX_BLOB_BYTES), max_size=30), st.integers(1, 2**40))
def test_blobs_hold_all_frames_in_order_and_no_more_than_they_may(sizes: list[int], first: int) -> None:
    frames = [bytes([index]) * size for index, size in enumerate(sizes)]

    blobs = pack(first, frames)

    assert b"".join(blob.frames for blob in blobs) == b"".join(frames)
    expected = first
    for blob in blobs:
        assert blob.first == expected
        assert len(blob.frames) <= MAX_BLOB_BYTES or blob.first == blob.last
        assert blob.frames == b"".join(frames[blob.first - first : blob.last - first + 1])
        expected = blob.last + 1
    assert expected == first + len(frames)


@given(st.lists(st.integers(0, 2 * ROOM_FOR_ROWS), max_size=30), st.integers(1, 20))
def test_a_page_ends_by_rows_or_bytes_with_one_row_at_least(sizes: list[int], most: int) -> None:
    page, more = cut(sizes, lambda size: size, most)

    assert page == sizes[: len(page)]
    assert more == (len(page) < len(sizes))
    assert len(page) <= most
    assert bool(page) == bool(sizes)
    assert len(page) <= 1 or sum(page) <= ROOM_FOR_ROWS


@pytest.fixture(scope="module")
def full_text() -> Iterator[sqlite3.Connection]:
    """Full text over nothing: it reads an expression before it looks for anything."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE probe USING fts5(body)")
    yield connection
    connection.close()


@given(words=st.text())
def test_an_expression_of_full_text_is_nothing_but_quoted_words(full_text: sqlite3.Connection, words: str) -> None:
    expression = expression_of(words)

    assert expression.count('"') % 2 == 0
    outside = "".join(expression.replace('""', "").split('"')[::2])
    assert outside.strip() == ""
    if expression:
        full_text.execute("SELECT count(*) FROM probe WHERE probe MATCH ?", (expression,))


def test_rows_are_inserted_in_the_order_of_the_columns() -> None:
    for table in metadata.tables.values():
        assert list(insertion(table).parameters) == [column.name for column in table.columns]


def test_a_statement_binds_what_varies_and_keeps_what_does_not() -> None:
    statement = compiled(select(rooms.c.id).where(rooms.c.head == parameter("head"), rooms.c.first == 7))

    assert statement.bind({"head": 3}) == (3, 7)
    with pytest.raises(KeyError):
        statement.bind({})
