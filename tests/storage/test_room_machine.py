"""Any order of posts, joins, kicks, repeats, failures and restarts, against a model that a page can hold."""

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
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from secure_chat.errors import (
    ChatError,
    ClientIdReused,
    InternalError,
    NotMember,
    PermissionDenied,
    RoomExists,
    RoomUnknown,
    StorageFull,
    TokenUnknown,
)
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.protocol.states import Role
from secure_chat.storage import outcomes
from secure_chat.storage.entries import (
    AnyEntry,
    CreateRoom,
    JoinRoom,
    Kick,
    LeaveRoom,
    OpenRoom,
    PostMessage,
    SetAccountState,
    SetTopic,
)
from secure_chat.storage.outcomes import Committed, Numbered, Outcome, Refused, Settled
from tests.storage.opened import Opened, appended, decoded
from tests.storage.test_failures import FailingStore, sqlite_error

NAMES: Final = ("root", "alice", "bob")
ROOMS: Final = ("lobby", "dev", "ops")
UNENCODABLE: Final = "\ud800"

Key = tuple[int, bytes]


@dataclass
class ModelRoom:
    """A room as anybody would imagine it."""

    events: list[RoomEvent] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)  # since which number
    topic: str = ""


@dataclass
class Model:
    """Everything that a batch may change."""

    rooms: dict[str, ModelRoom] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    sent: dict[Key, tuple[AnyEntry, Numbered]] = field(default_factory=dict)

    def copy(self) -> "Model":
        rooms = {
            name: ModelRoom(list(room.events), dict(room.members), room.topic) for name, room in self.rooms.items()
        }
        return Model(rooms, set(self.disabled), dict(self.sent))


class RoomMachine(RuleBasedStateMachine):
    """Collects entries into a batch; a batch is committed, or fails as a whole, and both must agree with the model."""

    template: ClassVar[Path | None] = None
    accounts: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(tempfile.mkdtemp(prefix="room-machine-"))
        self._make_template()
        assert self.template is not None
        shutil.copytree(self.template, self._place / "data")
        self.opened = FailingStore(self._place / "data")
        self.now = self.opened.now
        self.model = Model()
        self.batch: list[AnyEntry] = []
        self.ids = 0
        self.names = {number: name for name, number in self.accounts.items()}

    @classmethod
    def _make_template(cls) -> None:
        if cls.template is not None:
            return
        cls.template = Path(tempfile.mkdtemp(prefix="room-machine-template-"))
        atexit.register(shutil.rmtree, cls.template)
        (cls.template / "data").mkdir(mode=0o700)
        opened = Opened(cls.template / "data")
        for name in NAMES:
            role = Role.ADMINISTRATOR if name == "root" else Role.MEMBER
            cls.accounts[name] = opened.register(name, role=role).account
        opened.store.close()
        cls.template = cls.template / "data"

    @initialize()
    def begin(self) -> None:
        lobby = self.model.rooms["lobby"] = ModelRoom(self.opened.events("lobby"))
        lobby.members = {name: index + 1 for index, name in enumerate(NAMES)}

    def teardown(self) -> None:
        self.opened.store.close()
        shutil.rmtree(self._place)

    # --- what people do ----------------------------------------------------------------------------

    who = st.sampled_from(NAMES)
    where = st.sampled_from((*ROOMS, "nowhere"))
    texts = st.sampled_from(("hello", "world", "x" * 5000))

    def _client_id(self, name: str, fresh: bool) -> bytes:
        if fresh or not self.ids:
            self.ids += 1
        return name.encode().ljust(8)[:8] + self.ids.to_bytes(8, "big")

    @rule(name=who, room=where, text=texts, fresh=st.integers(0, 4), action=st.booleans())
    def post(self, name: str, room: str, text: str, fresh: int, action: bool) -> None:
        client_id = self._client_id(name, fresh > 0)
        self.batch.append(PostMessage(self.accounts[name], 1, room, client_id, text, action))

    @rule(name=who, room=where, text=texts, fresh=st.booleans())
    def set_topic(self, name: str, room: str, text: str, fresh: bool) -> None:
        self.batch.append(SetTopic(self.accounts[name], 1, room, self._client_id(name, fresh), text[:100]))

    @rule(name=who, room=where, kicked=who, fresh=st.booleans())
    def kick(self, name: str, room: str, kicked: str, fresh: bool) -> None:
        self.batch.append(Kick(self.accounts[name], 1, room, self._client_id(name, fresh), kicked))

    @rule(name=who, room=where)
    def join(self, name: str, room: str) -> None:
        self.batch.append(JoinRoom(self.accounts[name], room))

    @rule(name=who, room=where)
    def leave(self, name: str, room: str) -> None:
        self.batch.append(LeaveRoom(self.accounts[name], room))

    @rule(name=who, room=where, after=st.one_of(st.none(), st.integers(0, 20)))
    def open_room(self, name: str, room: str, after: int | None) -> None:
        self.batch.append(OpenRoom(self.accounts[name], room, after))

    @rule(name=st.one_of(st.none(), who), room=st.sampled_from(ROOMS))
    def create(self, name: str | None, room: str) -> None:
        self.batch.append(CreateRoom(None if name is None else self.accounts[name], room))

    @rule(name=st.sampled_from(("alice", "bob")), state=st.sampled_from(("enabled", "disabled")))
    def set_state(self, name: str, state: str) -> None:
        self.batch.append(SetAccountState(name, state))

    @rule(name=who)
    def plant_a_failing_entry(self, name: str) -> None:
        self.ids += 1
        self.batch.append(PostMessage(self.accounts[name], 1, "lobby", b"bad" * 5 + b"!", UNENCODABLE))

    @precondition(lambda self: self.batch)
    @rule()
    def repeat_everything(self) -> None:
        self.batch += self.batch[:20]

    # --- what becomes of it ------------------------------------------------------------------------

    @precondition(lambda self: self.batch)
    @rule()
    def commit(self) -> None:
        self._take_over(self.opened.store.commit(self.batch, self.now))

    @precondition(lambda self: self.batch)
    @rule(words=st.sampled_from(("COMMIT", "INSERT INTO room_log", "INSERT INTO room_text", "UPDATE rooms")))
    def fail_to_commit(self, words: str) -> None:
        self.opened.fail_at(words, sqlite_error(sqlite3.SQLITE_FULL))
        try:
            committed = self.opened.store.commit(self.batch, self.now)
        except StorageFull:
            self.batch = self.batch[1:]  # the same again later, in another company
        else:
            assert words != "COMMIT"
            self._take_over(committed)  # the statement was not among those that were needed
        finally:
            self.opened.fail_at("", None)

    def _take_over(self, committed: Committed) -> None:
        model = self.model.copy()
        expected = [self._decide(entry, model) for entry in self.batch]
        for entry, outcome, wanted in zip(self.batch, committed.outcomes, expected, strict=True):
            self._compare(entry, outcome, wanted)
        self._compare_appended(committed, model)
        self.model, self.batch = model, []

    @rule()
    def restart(self) -> None:
        self.opened.reopen()

    @rule(idle=st.booleans())
    def maintain(self, idle: bool) -> None:
        self.opened.store.maintain(self.now, idle=idle)

    @invariant()
    def the_disk_says_what_the_model_says(self) -> None:
        if not self.model.rooms:
            return
        with self.opened.reader() as reader:
            rows = {row.room: row for row in reader.rooms(self.accounts["root"]).rooms}
        assert set(rows) == set(self.model.rooms)
        for name, room in self.model.rooms.items():
            assert (rows[name].topic, rows[name].members) == (room.topic, len(room.members))
            assert rows[name].joined == ("root" in room.members)
            assert self.opened.events(name) == room.events

    # --- the model ---------------------------------------------------------------------------------

    def _decide(self, entry: AnyEntry, model: Model) -> Any:
        """What the outcome must be: a type of error, a `Numbered`, or what the entry's kind is answered with."""
        name = self.names.get(getattr(entry, "account", None) or 0, "")
        if name in model.disabled:
            return TokenUnknown
        match entry:
            case PostMessage() | SetTopic() | Kick():
                return self._decide_sent(entry, name, model)
            case CreateRoom(room=room):
                if room in model.rooms:
                    return RoomExists
                model.rooms[room] = ModelRoom()
                if not name:
                    return Settled(room)
                return self._begin(model, room, name)
            case JoinRoom(room=room) if room in model.rooms:
                return self._begin(model, room, name)
            case LeaveRoom(room=room) if room in model.rooms:
                if name in model.rooms[room].members:
                    self._end(model, room, name, Left(room, self._next(model, room), self.now, name))
                return Settled()
            case OpenRoom(room=room, after=after) if room in model.rooms:
                return (
                    min(len(model.rooms[room].events), 10**9 if after is None else after)
                    if (name in model.rooms[room].members)
                    else NotMember
                )
            case SetAccountState(name=who, state=state):
                (model.disabled.add if state == "disabled" else model.disabled.discard)(who)
                return Settled(who)
        return RoomUnknown

    def _decide_sent(self, entry: PostMessage | SetTopic | Kick, name: str, model: Model) -> Any:
        if isinstance(entry, Kick) and name != "root":
            return PermissionDenied
        if isinstance(entry, PostMessage) and entry.text == UNENCODABLE:
            return InternalError
        key = (entry.account, entry.client_id)
        if key in model.sent:
            first, answer = model.sent[key]
            return answer if first == entry else ClientIdReused
        room = model.rooms.get(entry.room)
        if room is None:
            return RoomUnknown
        number = self._next(model, entry.room)
        if isinstance(entry, Kick):
            if entry.name not in room.members:
                return NotMember
            self._end(model, entry.room, entry.name, Kicked(entry.room, number, self.now, entry.name, name))
        elif name not in room.members:
            return NotMember
        elif isinstance(entry, SetTopic):
            room.topic = entry.text
            room.events.append(TopicSet(entry.room, number, self.now, name, entry.text))
        else:
            room.events.append(Message(entry.room, number, self.now, name, entry.client_id, entry.text, entry.action))
        answer = Numbered(entry.room, number, self.now)
        model.sent[key] = (entry, answer)
        return answer

    @staticmethod
    def _next(model: Model, room: str) -> int:
        return len(model.rooms[room].events) + 1

    def _begin(self, model: Model, room: str, name: str) -> int:
        there = model.rooms[room]
        if name not in there.members:
            number = self._next(model, room)
            there.events.append(Joined(room, number, self.now, name))
            there.members[name] = number
        return there.members[name] - 1

    @staticmethod
    def _end(model: Model, room: str, name: str, event: RoomEvent) -> None:
        model.rooms[room].events.append(event)
        del model.rooms[room].members[name]

    # --- comparing ---------------------------------------------------------------------------------

    def _compare(self, entry: AnyEntry, outcome: Outcome, wanted: Any) -> None:
        if isinstance(wanted, type):
            assert issubclass(wanted, ChatError)
            assert isinstance(outcome, Refused), (entry, outcome)
            assert type(outcome.error) is wanted, (entry, outcome.error)
        elif isinstance(wanted, int):
            assert isinstance(outcome, outcomes.Opened), (entry, outcome)
            assert outcome.after == wanted
            assert outcome.tail is not None
            tail = decoded(b"".join(blob.frames for blob in outcome.tail))
            before = self.model.rooms.get(outcome.room, ModelRoom()).events
            assert tail == before
        else:
            assert outcome == wanted, (entry, outcome)

    def _compare_appended(self, committed: Committed, model: Model) -> None:
        for name, room in model.rooms.items():
            before = self.model.rooms.get(name, ModelRoom()).events
            assert before + appended(committed, name) == room.events


@pytest.mark.parametrize("examples", [30, pytest.param(1500, marks=pytest.mark.long)])
def test_whatever_happens_rooms_are_as_the_model_says(examples: int) -> None:
    run_state_machine_as_test(RoomMachine, settings=settings(max_examples=examples, stateful_step_count=40))
