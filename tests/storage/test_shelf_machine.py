"""Any order of uploads, claims and restarts: nothing is handed out twice, nobody gets more than his share."""

import atexit
import secrets
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from secure_chat.errors import PrekeysFull, RateLimited, StorageFull
from secure_chat.limits import PREKEY_CLAIM_PAUSE_SECONDS
from secure_chat.storage.entries import AnyEntry, ClaimPrekeys, PublishPrekeys, SendDirect
from secure_chat.storage.outcomes import Bundles, Committed, DirectTaken, Outcome, PrekeysKept, PrekeysRunLow, Refused
from tests.storage.letters import claim, one_time_prekeys, send, upload
from tests.storage.opened import HOUR_MS, Member, Opened
from tests.storage.test_failures import FailingStore, sqlite_error

OWNERS: Final = ("alice", "bob")
NAMES: Final = (*OWNERS, "carol", "dave")
LIVE, A_DAY, RESERVED, PER_HOUR, REFILL_AT = 12, 8, 3, 4, 5  # small, so that all bounds are met
DAY_MS: Final = 24 * HOUR_MS
PAUSE_MS: Final = PREKEY_CLAIM_PAUSE_SECONDS * 1000


@dataclass
class Model:
    """Shelves as anybody would imagine them."""

    shelves: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in OWNERS})
    spent: set[tuple[str, bytes]] = field(default_factory=set)  # ids
    came: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in OWNERS})  # times of all
    granted: list[tuple[str, str, int]] = field(default_factory=list)  # to whom, whose, when
    written: set[tuple[str, str]] = field(default_factory=set)

    def copy(self) -> "Model":
        shelves = {name: list(keys) for name, keys in self.shelves.items()}
        came = {name: list(times) for name, times in self.came.items()}
        return Model(shelves, set(self.spent), came, list(self.granted), set(self.written))


class ShelfMachine(RuleBasedStateMachine):
    """Collects entries into a batch, as its sister for mailboxes does."""

    template: ClassVar[Path | None] = None
    people: ClassVar[dict[str, Member]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(tempfile.mkdtemp(prefix="shelf-machine-"))
        self._make_template()
        assert self.template is not None
        shutil.copytree(self.template, self._place / "data")
        self.opened = FailingStore(self._place / "data")
        self.now = self.opened.now
        self.names = {member.account: name for name, member in self.people.items()}
        self.by_user: dict[bytes, str] = {member.person.user_id: name for name, member in self.people.items()}
        self.model = Model()
        self.batch: list[AnyEntry] = []
        self.uploads: list[PublishPrekeys] = []
        self.handed_out: list[bytes] = []

    @classmethod
    def _make_template(cls) -> None:
        if cls.template is not None:
            return
        place = Path(tempfile.mkdtemp(prefix="shelf-machine-template-"))
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

    @rule(name=st.sampled_from(OWNERS), count=st.integers(0, 8), replace=st.booleans())
    def publish(self, name: str, count: int, replace: bool) -> None:
        entry = upload(self.people[name], one_time_prekeys(count), replace=replace)
        self.uploads.append(entry)
        self.batch.append(entry)

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), other_bytes=st.booleans())
    def publish_again(self, data: st.DataObject, other_bytes: bool) -> None:
        """What is spent does not come back, not even with other bytes under its id."""
        entry = data.draw(st.sampled_from(self.uploads))
        spent = [key for key in entry.one_time if (self.names[entry.account], key[:8]) in self.model.spent]
        if other_bytes and spent:
            entry = upload(self.people[self.names[entry.account]], (spent[0][:8] + secrets.token_bytes(1280),))
        self.batch.append(entry)

    @rule(name=st.sampled_from(NAMES), owner=st.sampled_from(OWNERS))
    def claim(self, name: str, owner: str) -> None:
        self.batch.append(claim(self.people[name], self.people[owner]))

    @rule(owner=st.sampled_from(OWNERS), name=st.sampled_from(NAMES))
    def write_to(self, owner: str, name: str) -> None:
        if owner != name:
            self.batch.append(send(self.people[owner], self.people[name]))

    @rule(ms=st.sampled_from((1000, PAUSE_MS - 1, PAUSE_MS, HOUR_MS, DAY_MS - 1, DAY_MS)))
    def wait(self, ms: int) -> None:
        if not self.batch:
            self.now += ms

    # --- what becomes of it ------------------------------------------------------------------------

    @precondition(lambda self: self.batch)
    @rule()
    def commit(self) -> None:
        self._take_over(self.opened.store.commit(self.batch, self.now))

    @precondition(lambda self: self.batch)
    @rule(words=st.sampled_from(("COMMIT", "INSERT INTO spent_prekeys", "DELETE FROM one_time_prekeys")))
    def fail_to_commit(self, words: str) -> None:
        self.opened.fail_at(words, sqlite_error(sqlite3.SQLITE_FULL))
        try:
            committed = self.opened.store.commit(self.batch, self.now)
        except StorageFull:
            self.batch = self.batch[1:]
        else:
            assert words != "COMMIT"
            self._take_over(committed)
        finally:
            self.opened.fail_at("", None)

    def _take_over(self, committed: Committed) -> None:
        model = self.model.copy()
        low: list[PrekeysRunLow] = []
        for entry, outcome in zip(self.batch, committed.outcomes, strict=True):
            self._compare(entry, outcome, model, low)
        assert [change for change in committed.changes if isinstance(change, PrekeysRunLow)] == low
        self.model, self.batch = model, []

    @rule()
    def restart(self) -> None:
        self.opened.reopen()

    @rule()
    def maintain(self) -> None:
        self.opened.store.maintain(self.now, idle=True)

    @invariant()
    def nothing_was_handed_out_twice_and_the_disk_agrees(self) -> None:
        assert len(self.handed_out) == len({key[:8] for key in self.handed_out})
        with self.opened.reader() as reader:
            for name, shelf in self.model.shelves.items():
                member = self.people[name]
                assert reader.live_prekeys(member.account, member.device) == len(shelf)

    # --- the model ---------------------------------------------------------------------------------

    def _compare(self, entry: AnyEntry, outcome: Outcome, model: Model, low: list[PrekeysRunLow]) -> None:
        match entry:
            case PublishPrekeys():
                self._compare_upload(entry, outcome, model)
            case ClaimPrekeys(account=account, user_id=user_id):
                wanted = self._granted(self.names[account], self.by_user[user_id], model, low)
                assert isinstance(outcome, Bundles)
                assert outcome.bundles[0].one_time == wanted
                if wanted:
                    self.handed_out.append(wanted)
            case SendDirect(account=account, user_id=user_id):
                assert isinstance(outcome, DirectTaken)
                model.written.add((self.names[account], self.by_user[user_id]))

    def _compare_upload(self, entry: PublishPrekeys, outcome: Outcome, model: Model) -> None:
        name = self.names[entry.account]
        shelf = model.shelves[name]
        new = [key for key in entry.one_time if key not in shelf and (name, key[:8]) not in model.spent]
        stays = [key for key in shelf if not entry.replace or key in entry.one_time]
        recent = [time for time in model.came[name] if time > self.now - DAY_MS]
        if new and len(stays) + len(new) > LIVE:
            assert isinstance(outcome, Refused)
            assert isinstance(outcome.error, PrekeysFull)
        elif new and len(recent) + len(new) > A_DAY:
            assert isinstance(outcome, Refused)
            assert isinstance(outcome.error, RateLimited)
            assert 0 < (outcome.error.retry_after or 0) <= DAY_MS / 1000
        else:
            assert outcome == PrekeysKept(len(stays) + len(new))
            model.spent |= {(name, key[:8]) for key in shelf if key not in stays}
            model.shelves[name] = stays + new
            model.came[name] += [self.now] * len(new)

    def _granted(self, name: str, owner: str, model: Model, low: list[PrekeysRunLow]) -> bytes:
        shelf = model.shelves[owner]
        mine = [(whose, time) for who, whose, time in model.granted if who == name and time > self.now - HOUR_MS]
        reserved = 0 if name == owner or (owner, name) in model.written else RESERVED
        if len(mine) >= PER_HOUR or len(shelf) <= reserved:
            return b""
        if any(whose == owner and time > self.now - PAUSE_MS for whose, time in mine):
            return b""
        key = shelf.pop(0)
        model.spent.add((owner, key[:8]))
        model.granted.append((name, owner, self.now))
        if len(shelf) <= REFILL_AT:
            low.append(PrekeysRunLow(self.people[owner].account, self.people[owner].device, len(shelf)))
        return key


@pytest.mark.parametrize("examples", [30, pytest.param(1500, marks=pytest.mark.long)])
@pytest.mark.negative(21)
@pytest.mark.negative(22)
def test_whatever_happens_shelves_are_as_the_model_says(examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ONE_TIME_PREKEYS_LIVE", LIVE),
        ("ONE_TIME_PREKEYS_A_DAY", A_DAY),
        ("ONE_TIME_PREKEYS_RESERVED", RESERVED),
        ("PREKEY_CLAIMS_PER_HOUR", PER_HOUR),
        ("ONE_TIME_PREKEYS_REFILL_AT", REFILL_AT),
    ):
        monkeypatch.setattr(f"secure_chat.storage.decisions.shelf.{name}", value)
    run_state_machine_as_test(ShelfMachine, settings=settings(max_examples=examples, stateful_step_count=40))
