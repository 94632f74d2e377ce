"""What is typed to search: words, and what narrows them."""

from datetime import datetime

import pytest

from secure_chat.client.search_terms import SearchTerms, parse_search_terms
from secure_chat.errors import ChatError


def test_words_and_what_narrows_them_are_told_apart() -> None:
    since = int(datetime.fromisoformat("2026-05-01").astimezone().timestamp() * 1000)
    assert parse_search_terms("cert from:Bob rotation in:#Dev after:2026-05-01") == SearchTerms(
        "cert rotation", "dev", "bob", since
    )
    assert parse_search_terms("cert") == SearchTerms("cert")


def test_a_word_with_a_colon_is_a_word_unless_it_narrows() -> None:
    assert parse_search_terms("http://example.org note: in: x").words == "http://example.org note: in: x"


@pytest.mark.parametrize("text", ["", "from:bob", "x after:soon", "x in:#two_words!", "x from:a"])
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(ChatError):
        parse_search_terms(text)
