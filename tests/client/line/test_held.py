"""What is held for somebody whose key has changed: where a person who did not send it finds it again."""

import pytest

from secure_chat.client import events as e
from secure_chat.client.direct import events as d
from secure_chat.errors import ConnectionLost
from tests.client.line.direct_rows import contact, row
from tests.client.line.person import Person


@pytest.fixture
def alice() -> Person:
    person = Person()
    person.arrives("dev", "lobby")
    return person


def test_status_names_what_is_held_online_and_offline_and_typed_before_the_start(alice: Person) -> None:
    carol, dora = contact("carol", state=d.Trust.CHANGED, held=2), contact("dora", state=d.Trust.CHANGED)
    alice.hears(e.Disconnected(ConnectionLost(), 4.0))
    assert alice.types("/status") == ["* team.example.org: offline since 10:00, next try in 4 s"]
    held = "* 2 held for carol until you accept the new key: /trust carol, /discard carol"
    assert alice.is_told("contacts", d.ContactsFound((contact("bob"), carol, dora))) == [held]
    alice.types("/msg bob hello")
    alice.hears(d.DirectQueued(alice.client.asked[-1].ticket, "bob", 1))
    alice.types("/status")
    told = alice.is_told("contacts", d.ContactsFound((contact("bob"), carol, dora)))
    assert told == ["* 1 line waits to be sent:", "  to bob: hello", held]


def test_history_ends_with_what_is_held(alice: Person) -> None:
    held = ("three\x07", "four\nfive")
    alice.types("/msg bob")
    alice.types("/history 2")
    found = d.ConversationFound("bob", (row("two", number=14, own=True),), earlier=False, held=held)
    last = [
        "* 2 held for bob until you accept the new key: /trust bob, /discard bob:",
        "  held: three␇",
        "  held: four",
    ]
    drawn = alice.answers(found)
    assert drawn[-5:-4] == ["* that is the beginning"]
    assert drawn[-4:-1] == last
    assert drawn[-1].endswith("five")
    alice.types("/history")
    nothing = alice.answers(d.ConversationFound("bob", (), earlier=False, held=held))
    assert nothing[:4] == ["* nothing said with bob yet", *last]
    alice.types("/history all")
    alice.answers(d.ConversationFound("bob", (row("two", number=9),), earlier=True, held=held))
    drawn = alice.answers(d.ConversationFound("bob", (row("one", number=4),), earlier=False))
    assert drawn[-4:-1] == last
