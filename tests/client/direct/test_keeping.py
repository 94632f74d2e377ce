"""What is kept of conversations: pages, words, unread marks, what is tidied away, and what never shows."""

import logging

import pytest

from secure_chat.client.direct.clones import note_copy
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.envelopes_seen import EnvelopesSeen
from secure_chat.client.direct.events import ContactsFound, ConversationFound, DirectsFound, Trust
from secure_chat.client.direct.records import (
    CONTACTS,
    CONVERSATIONS,
    MESSAGES,
    OUTGOING,
    PEER_DEVICES,
    SEEN_ENVELOPES,
)
from secure_chat.client.events import Answered
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.content import Kind
from secure_chat.limits import DAY_MS, SEEN_ENVELOPE_DAYS, TIDY_SECONDS
from tests.client.direct.double import Double
from tests.client.direct.talkers import AnyAnswer, Scene, Talker
from tests.client.vault.vaults import every_byte_on_disk


def answer(outcome: object, kind: type[AnyAnswer]) -> AnyAnswer:
    assert isinstance(outcome, Answered), outcome
    assert isinstance(outcome.answer, kind)
    return outcome.answer


def page(person: Talker, name: str, before: int | None, count: int) -> ConversationFound:
    return answer(person.call(lambda each: person.direct.conversation(each, name, before, count)), ConversationFound)


def search(person: Talker, words: str, name: str = "", since: int = 0, before: int = 0) -> DirectsFound:
    return answer(person.call(lambda each: person.direct.search(each, words, name, since, before)), DirectsFound)


def test_pages_of_a_conversation_go_back_to_its_beginning_also_without_a_connection(scene: Scene) -> None:
    alice, bob, carol = scene.person("alice"), scene.person("bob"), scene.person("carol")
    for number in range(6):
        alice.say("bob", f"to bob {number}")
        carol.say("alice", f"from carol {number}")
        bob.say("alice", f"from bob {number}")
    alice.restart()
    rows: list[str] = []
    before = None
    for left in (7, 2, -1):
        found = page(alice, "bob", before, 5)
        assert found.earlier is (left > 0)
        assert [message.row for message in found.messages] == sorted(message.row for message in found.messages)
        rows = [message.text for message in found.messages] + rows
        before = found.messages[0].row
    assert rows == [f"{way} bob {number}" for number in range(6) for way in ("to", "from")]
    assert page(alice, "bob", before, 5) == ConversationFound("bob", (), earlier=False)
    assert page(alice, "nobody", None, 5).messages == ()


def test_words_are_found_over_all_conversations_newest_first_page_by_page(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = scene.person("alice"), scene.person("bob"), scene.person("carol")
    for number in range(4):
        bob.say("alice", f"house {number}")
        carol.say("alice", f"Haus, house {number}!")
        carol.say("alice", "nothing here, householder")
    assert [message.text for message in search(alice, "HOUSE 3").messages] == ["Haus, house 3!", "house 3"]
    assert [message.text for message in search(alice, "house", "bob").messages] == [f"house {n}" for n in (3, 2, 1, 0)]
    assert search(alice, "house", since=scene.clock.now_ms() + 1).messages == ()
    assert search(alice, " ... ").messages == ()
    monkeypatch.setattr("secure_chat.client.direct.conversations.MAX_DIRECTS_SEARCHED", 5)
    monkeypatch.setattr("secure_chat.client.direct.conversations.MAX_DIRECTS_FOUND", 3)
    found, following = [], 0
    for _ in range(10):
        part = search(alice, "house", before=following)
        found += [message.row for message in part.messages]
        following = part.next
        if not following:
            break
    assert len(found) == 8
    assert found == sorted(found, reverse=True)


def test_what_is_unread_is_counted_until_it_is_seen_also_after_a_restart(scene: Scene) -> None:
    alice, bob = scene.pair()
    for number in range(3):
        bob.say("alice", str(number))
    alice.say("bob", "an own message is not unread")
    rows = [message.row for message in alice.heard()]
    alice.restart()
    [contact] = alice.direct.snapshot
    assert (contact.name, contact.unread, contact.state) == ("bob", 3, Trust.UNVERIFIED)
    alice.direct.mark_read("bob", rows[1])
    assert alice.direct.snapshot[0].unread == 1
    alice.direct.mark_read("bob", rows[0])
    assert alice.direct.snapshot[0].unread == 1  # what was seen stays seen
    alice.direct.mark_read("bob", rows[2])
    [row] = answer(alice.call(alice.direct.contacts), ContactsFound).contacts
    assert (row.unread, row.held, row.waiting) == (0, 0, 0)


def test_row_ids_name_nobody_and_come_in_the_order_of_the_rows(scene: Scene) -> None:
    alice, bob = scene.pair()
    for number in range(20):
        bob.say("alice", str(number))
    alice.say("carol-is-unknown", "never sent")
    messages, contacts = alice.vault.scan(MESSAGES), alice.vault.scan(CONTACTS)
    others = [*alice.vault.scan(CONVERSATIONS), *alice.vault.scan(PEER_DEVICES)]
    for row_id, _ in (*messages, *contacts, *others):
        assert set(row_id) <= set("0123456789abcdef")
    texts = [message.text for _, message in alice.vault.scan(MESSAGES)]
    assert texts == [str(number) for number in range(20)]
    alice.vault.close()
    on_disk = every_byte_on_disk(alice.directory)
    assert b"bob" not in on_disk
    assert bob.key[0].hex().encode() not in on_disk


def test_an_envelope_is_remembered_for_forty_days_and_forgotten_then(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "hello")
    [env_id] = _seen(alice)
    scene.pass_seconds(SEEN_ENVELOPE_DAYS * DAY_MS / 1000)
    assert _remembers(alice, env_id)
    for _ in range(10):
        scene.pass_seconds(DAY_MS / 1000)
    assert not _seen(alice)


def _seen(person: Talker) -> list[str]:
    return [row_id for row_id, _ in person.vault.scan(SEEN_ENVELOPES)]


def _remembers(person: Talker, row_id: str) -> bool:
    with person.vault.transaction() as transaction:
        desk = Desk(transaction)
        assert not EnvelopesSeen().has(desk, bytes([1]) * 16)
        return row_id in _rows(desk)


def _rows(desk: Desk) -> list[str]:
    return [row_id for row_id, _ in desk.transaction.scan(SEEN_ENVELOPES)]


def test_keys_of_messages_that_never_came_are_forgotten_in_time(scene: Scene) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    bob.say(alice, "first")
    bob.sealed(bob.devices[0], alice, Kind.TEXT, TextBody(ref=None, text="lost").encode())
    bob.say(alice, "third")
    assert _skipped(alice) == 1
    scene.pass_seconds(36 * DAY_MS / 1000)
    scene.pass_seconds(TIDY_SECONDS + 1)
    assert _skipped(alice) == 0


def _skipped(person: Talker) -> int:
    devices = [device for _, device in person.vault.scan(PEER_DEVICES)]
    return sum(len(chain.skipped) for device in devices for each in device.sessions for chain in each.receiving)


@pytest.mark.negative(35)
def test_no_text_and_no_key_shows_in_a_repr_or_a_log_line(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "attack at dawn"
    alice, bob = scene.pair()
    alice.say("bob", secret)
    bob.say("alice", secret)
    alice.disconnect()
    alice.say("bob", secret)
    rows = [*alice.vault.scan(MESSAGES), *alice.vault.scan(OUTGOING), *alice.vault.scan(CONVERSATIONS)]
    devices = [device for _, device in alice.vault.scan(PEER_DEVICES)]
    shown = repr(rows) + repr(devices) + repr(alice.events) + repr(alice.direct.snapshot) + caplog.text
    shown += repr(page(alice, "bob", None, 10))
    assert secret not in shown
    for device in devices:
        for session in device.sessions:
            for key in (session.root_key, session.sid, session.ratchet_secret):
                assert not key or repr(key)[2:-1] not in shown


@pytest.mark.negative(28)
@pytest.mark.negative(62)
def test_after_a_copy_of_the_vault_was_noticed_all_begins_anew_and_both_go_on(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.say("bob", "one")
    bob.say("alice", "two")
    old = {session.sid for _, device in alice.vault.scan(PEER_DEVICES) for session in device.sessions}
    with alice.vault.transaction() as transaction:
        note_copy(transaction, scene.clock.now_ms())
    scene.clock.pass_seconds(1)
    alice.disconnect()
    alice.connect()
    scene.settle()
    new = {session.sid for _, device in alice.vault.scan(PEER_DEVICES) for session in device.sessions}
    assert new
    assert not old & new
    bob.say("alice", "three")
    alice.say("bob", "four")
    assert (alice.texts(), bob.texts()) == (["two", "three"], ["one", "four"])
