"""Standard input cut into lines, of bounded length."""

from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.line.input_lines import InputLines


def cut(pieces: list[bytes], longest: int = 100) -> list[str | None]:
    lines = InputLines(longest)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


def test_lines_come_out_however_the_bytes_come_in() -> None:
    assert cut([b"one\ntwo\r\nthr", b"ee\n", b"four"]) == ["one", "two", "three", "four"]
    assert cut([b"\n\n"]) == ["", ""]
    assert cut([]) == []


def test_bytes_that_are_no_text_are_marked() -> None:
    assert cut([b"a\xffb\n"]) == ["a\ufffdb"]


def test_a_line_that_is_too_long_is_left_out_and_the_next_one_is_not() -> None:
    assert cut([b"x" * 50, b"x" * 51, b"x\nshort\n"]) == [None, "short"]
    assert cut([b"x" * 101]) == [None]
    assert cut([b"x" * 101 + b"\nshort"]) == [None, "short"]
    assert cut([b"x" * 100 + b"\n"]) == ["x" * 100]


def test_memory_is_bounded_by_the_longest_line() -> None:
    lines = InputLines(100)
    for _ in range(1000):
        lines.feed(b"x" * 99)
    assert len(lines._partial) <= 200


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_how_the_bytes_are_cut_makes_no_difference(pieces: list[bytes]) -> None:
    assert cut(pieces, 1000) == cut([b"".join(pieces)], 1000)
