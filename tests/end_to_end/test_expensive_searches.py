"""Whoever asks for searches that take long waits for it himself; the others have the reader."""

from pathlib import Path

import pytest

from secure_chat.limits import READ_SECOND_TOKENS, READ_SECONDS
from secure_chat.protocol import commands as c
from secure_chat.protocol.events import Failure, HistoryPage
from secure_chat.storage.entries import PostMessage
from secure_chat.storage.store import Store
from tests.support.installation import Installation

ROWS = 400
PER_SECOND, BURST = 0.1, 5  # so slow that what comes back during a test does not count
PHRASE = "-".join(["a", "b"] * 2000) + "-b"  # one word to whoever types it, 4,001 in a row to full text


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(
        tmp_path_factory.mktemp("server"), f"[rates]\nreads_per_second = {PER_SECOND}\nreads_burst = {BURST}\n"
    )
    mallory, _ = made.seed(["mallory", "alice"], ["dev"])
    _fill(made.data, mallory.device.device_id)
    return made


def _fill(data: Path, device: int) -> None:
    store = Store.open(data, now_ms=0)
    try:
        texts = [
            PostMessage(1, device, "dev", number.to_bytes(16, "big"), "a b " * 2000, False, False)
            for number in range(1, ROWS + 1)
        ]
        store.commit(texts, 0)
    finally:
        store.close()


def test_a_search_that_takes_too_long_is_refused_for_good_and_paid_for_by_who_asked(
    installation: Installation,
) -> None:
    with installation.start(), installation.connect_as("mallory") as mallory, installation.connect_as("alice") as alice:
        refused = mallory.answer_to(mallory.send(c.RoomSearch(mallory.next_id(), PHRASE)))
        assert isinstance(refused, Failure)
        assert refused.code == "search.too_broad"  # not `busy`, which a client repeats by itself

        next_one = mallory.answer_to(mallory.send(c.RoomSearch(mallory.next_id(), "word")))

        assert isinstance(next_one, Failure)
        assert next_one.code == "rate.limited"
        assert next_one.retry_after is not None
        assert next_one.retry_after > (READ_SECOND_TOKENS * READ_SECONDS - BURST) / PER_SECOND
        for _ in range(2):
            page = alice.ask(c.RoomHistory(alice.next_id(), "dev", 1, 3))
            assert isinstance(page, HistoryPage)
