"""Any order of sends, repeats, acknowledgements, recoveries, failures and restarts, against a model of mailboxes."""

import atexit
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from secure_chat.errors import ChatError, ClientIdReused, InternalError, StorageFull, TokenUnknown, UserDisabled
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import DirectEnvelope
from secure_chat.protocol.frames import split_frames
from secure_chat.storage.entries import (
    AcknowledgeDirect,
    AnyEntry,
    OutgoingPart,
    PostMessage,
    RecoverAccount,
    SendDirect,
    SetAccountState,
)
from secure_chat.storage.outcomes import Committed, DirectFull, DirectStale, DirectTaken, LoggedIn, Refused, Settled
from tests.storage.letters import arrived, assert_known_by_heart, mailbox, part
from tests.storage.opened import DAY_MS, Member, NewDevice, Opened, replacement
from tests.storage.test_failures import FailingStore, sqlite_error

NAMES: Final = ("alice", "bob", "carol")
MOST_WAITING: Final = 4
UNENCODABLE: Final = "\ud800"

Device = tuple[str, int]


@dataclass
class Model:
    """Mailboxes as anybody would imagine them."""

    devices: dict[str, int]
    lists: dict[str, bytes]
    disabled: set[str] = field(default_factory=set)
    waiting: dict[Device, list[tuple[Device, bytes, DirectEnvelope]]] = field(default_factory=dict)
    sent: dict[tuple[Device, bytes], tuple[bytes, int]] = field(default_factory=dict)

    def copy(self) -> "Model":
        waiting = {device: list(mail) for device, mail in self.waiting.items()}
        return Model(dict(self.devices), dict(self.lists), set(self.disabled), waiting, dict(self.sent))


class MailMachine(RuleBasedStateMachine):
    """Collects entries into a batch; a batch is committed, or fails as a whole, and both must agree with the model."""

    template: ClassVar[Path | None] = None
    people: ClassVar[dict[str, Member]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(tempfile.mkdtemp(prefix="mail-machine-"))
        self._make_template()
        assert self.template is not None
        shutil.copytree(self.template, self._place / "data")
        self.opened = FailingStore(self._place / "data")
        self.now = self.opened.now
        self.names = {member.account: name for name, member in self.people.items()}
        self.model = Model(
            {name: member.device for name, member in self.people.items()},
            {name: member.device_list.signed.encode() for name, member in self.people.items()},
        )
        self.batch: list[AnyEntry] = []
        self.written: list[SendDirect] = []  # everything that was ever asked for
        self.recovering: dict[str, NewDevice] = {}

    @classmethod
    def _make_template(cls) -> None:
        if cls.template is not None:
            return
        place = Path(tempfile.mkdtemp(prefix="mail-machine-template-"))
        atexit.register(shutil.rmtree, place)
        (place / "data").mkdir(mode=0o700)
        opened = Opened(place / "data")
        for name in NAMES:
            cls.people[name] = opened.register(name)
        opened.store.close()
        cls.template = place / "data"

    def teardown(self) -> None:
        self.opened.store.close()
        shutil.rmtree(self._place)

    # --- what people do ----------------------------------------------------------------------------

    who = st.sampled_from(NAMES)

    @rule(name=who, to=who, padded=st.sampled_from((768, 1536)), old_device=st.booleans())
    def send(self, name: str, to: str, padded: int, old_device: bool) -> None:
        sender, recipient = self.people[name], self.people[to]
        device = recipient.device if old_device else self.model.devices[to]
        outgoing = part(sender, recipient, padded=padded, device=device)
        entry = SendDirect(sender.account, self.model.devices[name], recipient.person.user_id, (outgoing,))
        self.written.append(entry)
        self.batch.append(entry)

    @precondition(lambda self: self.written)
    @rule(name=who, to=who, data=st.data())
    def send_under_a_known_id(self, name: str, to: str, data: st.DataObject) -> None:
        """Whoever has seen an envelope may give its id to another one, for the same device or not."""
        [known] = data.draw(st.sampled_from(self.written)).parts
        sender, recipient, device = self.people[name], self.people[to], self.model.devices[to]
        outgoing = part(sender, recipient, device=device, envelope_id=known.envelope_id)
        self.batch.append(SendDirect(sender.account, self.model.devices[name], recipient.person.user_id, (outgoing,)))

    @precondition(lambda self: self.written)
    @rule(data=st.data(), other_bytes=st.integers(0, 5))
    def send_again(self, data: st.DataObject, other_bytes: int) -> None:
        entry = data.draw(st.sampled_from(self.written))
        if other_bytes == 0:
            [outgoing] = entry.parts
            altered = OutgoingPart(outgoing.device, outgoing.envelope_id, outgoing.envelope[:-1] + b"?")
            entry = SendDirect(entry.account, entry.device, entry.user_id, (altered,))
        self.batch.append(entry)

    @precondition(lambda self: self.written)
    @rule(name=who, data=st.data())
    def acknowledge(self, name: str, data: st.DataObject) -> None:
        waiting = self.model.waiting.get((name, self.model.devices[name]), [])
        known = [envelope_id for _, envelope_id, _ in waiting] or [b"nothing waits!!!"]
        ids = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))
        self.batch.append(AcknowledgeDirect(self.people[name].account, self.model.devices[name], tuple(ids)))

    @rule(name=st.sampled_from(("alice", "bob")), state=st.sampled_from(("enabled", "enabled", "disabled")))
    def set_state(self, name: str, state: str) -> None:
        self.batch.append(SetAccountState(name, state))

    @precondition(lambda self: "carol" not in self.recovering)
    @rule()
    def recover(self) -> None:
        """Once in a run carol has lost her device."""
        new = self.recovering["carol"] = replacement(self.people["carol"], self.now)
        self.batch.append(new.recovery(self.people["carol"]))

    @rule(name=who)
    def plant_a_failing_entry(self, name: str) -> None:
        self.batch.append(PostMessage(self.people[name].account, 1, "lobby", b"bad" * 5 + b"!", UNENCODABLE))

    @precondition(lambda self: self.batch)
    @rule()
    def repeat_everything(self) -> None:
        self.batch += [entry for entry in self.batch[:20] if not isinstance(entry, RecoverAccount)]

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now += seconds * 1000

    @precondition(lambda self: self.model.waiting or self.model.sent)
    @rule()
    def a_month_passes(self) -> None:
        """Nobody has fetched anything: all of it has had its time."""
        self.now += 31 * DAY_MS
        while self.opened.store.maintain(self.now, idle=True):
            pass
        self.model.waiting.clear()
        self.model.sent.clear()

    # --- what becomes of it ------------------------------------------------------------------------

    @precondition(lambda self: self.batch)
    @rule()
    def commit(self) -> None:
        self._take_over(self.opened.store.commit(self.batch, self.now))

    @precondition(lambda self: self.batch)
    @rule(
        words=st.sampled_from(
            ("COMMIT", "INSERT INTO mailboxes", "INSERT INTO direct_log", "DELETE FROM mailboxes", "UPDATE direct_log")
        )
    )
    def fail_to_commit(self, words: str) -> None:
        self.opened.fail_at(words, sqlite_error(sqlite3.SQLITE_FULL))
        try:
            committed = self.opened.store.commit(self.batch, self.now)
        except StorageFull:
            first, *self.batch = self.batch  # the same again later, in another company
            if isinstance(first, RecoverAccount):
                del self.recovering["carol"]
        else:
            assert words != "COMMIT"
            self._take_over(committed)  # the statement was not among those that were needed
        finally:
            self.opened.fail_at("", None)

    def _take_over(self, committed: Committed) -> None:
        model = self.model.copy()
        before = {device: len(mail) for device, mail in model.waiting.items()}
        arriving: list[tuple[bytes, DirectEnvelope]] = []
        expected = [self._decide(entry, model, arriving) for entry in self.batch]
        for entry, outcome, wanted in zip(self.batch, committed.outcomes, expected, strict=True):
            if isinstance(wanted, type) and issubclass(wanted, ChatError):
                assert isinstance(outcome, Refused), (entry, outcome)
                assert type(outcome.error) is wanted, (entry, outcome.error)
            elif isinstance(wanted, type):
                assert isinstance(outcome, wanted), (entry, outcome)
            else:
                assert outcome == wanted, (entry, outcome)
        told = [(mail.envelope_id, decode_said(split_frames(mail.frame)[0])) for mail in arrived(committed)]
        assert told == arriving, before
        self.model, self.batch = model, []

    @rule()
    def restart(self) -> None:
        self.opened.reopen()

    @rule(idle=st.booleans())
    def maintain(self, idle: bool) -> None:
        self.opened.store.maintain(self.now, idle=idle)

    @invariant()
    def the_disk_and_the_memory_say_what_the_model_says(self) -> None:
        counts: dict[tuple[int, int], dict[int, int]] = {}
        for name, member in self.people.items():
            for device in {member.device, self.model.devices[name]}:
                waiting = self.model.waiting.get((name, device), [])
                there = Member(member.person, member.account, device, b"", member.device_list)
                assert [mail.envelope_id for mail in mailbox(self.opened, there)] == [row[1] for row in waiting]
                for (sender, _), _, _ in waiting:
                    senders = counts.setdefault((member.account, device), {})
                    account = self.people[sender].account
                    senders[account] = senders.get(account, 0) + 1
        assert self.opened.store._mail.waiting == counts
        assert_known_by_heart(self.opened)

    # --- the model ---------------------------------------------------------------------------------

    def _decide(self, entry: AnyEntry, model: Model, arriving: list[tuple[bytes, DirectEnvelope]]) -> Any:
        match entry:
            case SetAccountState(name=name, state=state):
                (model.disabled.add if state == "disabled" else model.disabled.discard)(name)
                return Settled(name)
            case RecoverAccount():
                for _, envelope_id, said in model.waiting.pop(("carol", model.devices["carol"]), []):
                    if (envelope_id, said) in arriving:
                        arriving.remove((envelope_id, said))  # nobody will ever fetch it
                new = self.recovering["carol"]
                model.devices["carol"] = new.device.device_id
                model.lists["carol"] = new.device_list.signed.encode()
                return LoggedIn
            case PostMessage(account=account):
                return TokenUnknown if self.names[account] in model.disabled else InternalError
            case SendDirect() | AcknowledgeDirect():
                name = self.names[entry.account]
                if name in model.disabled or model.devices[name] != entry.device:
                    return TokenUnknown
                device = (name, entry.device)
                if isinstance(entry, SendDirect):
                    return self._decide_send(entry, device, model, arriving)
                model.waiting[device] = [
                    row for row in model.waiting.get(device, []) if row[1] not in entry.envelope_ids
                ]
                return Settled()
        raise AssertionError(entry)

    def _decide_send(
        self, entry: SendDirect, sender: Device, model: Model, arriving: list[tuple[bytes, DirectEnvelope]]
    ) -> Any:
        [outgoing] = entry.parts
        key = (sender, outgoing.envelope_id)
        if key in model.sent:
            envelope, time = model.sent[key]
            return DirectTaken(time) if envelope == outgoing.envelope else ClientIdReused
        [to] = [name for name, member in self.people.items() if member.person.user_id == entry.user_id]
        if to in model.disabled:
            return UserDisabled
        if to == sender[0] or outgoing.device != model.devices[to]:
            return DirectStale(entry.user_id, (model.lists[to],))
        waiting = model.waiting.setdefault((to, outgoing.device), [])
        if sum(row[0][0] == sender[0] for row in waiting) >= MOST_WAITING:
            return DirectFull((outgoing.device,))
        said = DirectEnvelope(outgoing.envelope, self.now, sender[0])
        waiting.append((sender, outgoing.envelope_id, said))
        arriving.append((outgoing.envelope_id, said))
        model.sent[key] = (outgoing.envelope, self.now)
        return DirectTaken(self.now)


@pytest.mark.parametrize("examples", [30, pytest.param(1500, marks=pytest.mark.long)])
def test_whatever_happens_mailboxes_are_as_the_model_says(examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_chat.storage.decisions.direct.MAILBOX_ENVELOPES_PER_SENDER", MOST_WAITING)
    monkeypatch.setattr("secure_chat.storage.mail_state.MAX_KNOWN_PLACES", 3)
    monkeypatch.setattr("secure_chat.storage.mail_state.PUT_AWAY_ROWS", 2)
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", 3)
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MOVE_ROWS", 2)
    run_state_machine_as_test(MailMachine, settings=settings(max_examples=examples, stateful_step_count=40))
