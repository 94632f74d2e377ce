"""One sentence for what became of many messages."""

import pytest

from secure_chat.client.one_shot.tally import Fate, Tally


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {Fate.SENT: 78, Fate.KEPT: 1, Fate.NOT_SENT: 41},
            "78 messages were sent, 1 is kept and goes by the next command that connects, 41 were not sent.",
        ),
        (
            {Fate.SENT: 1, Fate.HELD: 2, Fate.DOUBTFUL: 1, Fate.NOT_SENT: 1},
            "1 message was sent, 2 are kept until the new key is accepted, 1 may have arrived, 1 was not sent.",
        ),
        ({Fate.KEPT: 2}, "2 messages are kept and go by the next command that connects."),
    ],
)
def test_every_message_is_counted_once(counts: dict[Fate, int], sentence: str) -> None:
    tally = Tally()
    for fate, number in counts.items():
        for _ in range(number):
            tally.count(fate)
    assert (tally.sentence(), tally.total) == (sentence, sum(counts.values()))
    assert tally.has_sent is (Fate.SENT in counts)
