"""A server's side of direct messages in memory: it does as PROTOCOL.md says, unless a test makes it lie.

One connection a device. Commands go through the codec in both directions, so that sizes are those of the wire. What a
real server decides in its journal is decided here on the spot.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import DeviceId
from secure_chat.limits import (
    MAILBOX_ENVELOPES_PER_SENDER,
    MAILBOX_WINDOW_ENVELOPES,
    MAX_FRAME_BYTES,
    ONE_TIME_PREKEYS_REFILL_AT,
)
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_command, decode_said, encode
from secure_chat.protocol.envelope_header import EnvelopeHeader
from secure_chat.protocol.frames import FrameReader

Key = tuple[bytes, int]  # a device: user id and number


@dataclass(slots=True)
class Account:
    """One account as the post office has it."""

    user_id: bytes
    name: str
    lists: list[bytes]  # signed, ascending by version
    state: str = "enabled"

    @property
    def newest(self) -> AcceptedDeviceList:
        return AcceptedDeviceList.from_own_store(self.lists[-1])

    @property
    def devices(self) -> list[int]:
        return [device.device_id for device in self.newest.device_list.devices]


@dataclass(slots=True)
class Shelf:
    """The prekeys of one device."""

    signed: bytes = b""
    signed_ids: list[bytes] = field(default_factory=list)
    one_time: deque[bytes] = field(default_factory=deque)


@dataclass(slots=True)
class Letter:
    """One envelope in a mailbox."""

    env_id: bytes
    frame: e.DirectEnvelope
    sender: Key
    pushed: bool = False


class PostOffice:
    """All accounts. A test may change anything, and `answers` to change what is said to one command."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.accounts: dict[bytes, Account] = {}
        self.shelves: dict[Key, Shelf] = {}
        self.mailboxes: dict[Key, list[Letter]] = {}
        self.taken: dict[bytes, tuple[bytes, int]] = {}  # env_id to its bytes and the time of the answer
        self.asked: list[tuple[Key, c.AnyCommand]] = []  # every command, in the order of arrival
        self.answers: Callable[[Key, c.AnyCommand], list[e.Said] | None] = lambda _key, _command: None
        self.capacity = MAILBOX_ENVELOPES_PER_SENDER

    def add(self, user_id: bytes, name: str, signed_list: bytes, prekeys: Mapping[DeviceId, bytes]) -> Account:
        """An account; `prekeys`: the signed prekey of each device."""
        account = self.accounts[user_id] = Account(user_id, name, [signed_list])
        for device_id, signed in prekeys.items():
            self.put_signed((user_id, device_id), signed)
        return account

    def put_signed(self, key: Key, signed: bytes) -> None:
        """A new signed prekey."""
        shelf = self.shelves.setdefault(key, Shelf())
        shelf.signed = signed
        shelf.signed_ids.append(signed[:8])

    def add_list(self, user_id: bytes, signed_list: bytes) -> None:
        """A new device list: mail and prekeys of devices that it does not have are gone."""
        account = self.accounts[user_id]
        account.lists.append(signed_list)
        for key in [key for key in (*self.shelves, *self.mailboxes) if key[0] == user_id]:
            if key[1] not in account.devices:
                self.shelves.pop(key, None)
                self.mailboxes.pop(key, None)

    def named(self, name: str) -> Account | None:
        """The newest account of that name."""
        return next((each for each in reversed(self.accounts.values()) if each.name == name), None)

    def welcome(self, key: Key) -> e.Welcome:
        """As at login; everything not acknowledged is pushed again."""
        for letter in self.mailboxes.get(key, []):
            letter.pushed = False
        shelf, account = self.shelves.get(key, Shelf()), self.accounts[key[0]]
        return e.Welcome(
            1,
            key[0],
            account.name,
            "member",
            0,
            account.newest.device_list.version,
            self.now_ms(),
            [],
            one_time_prekeys=len(shelf.one_time),
            signed_prekey_id=shelf.signed[:8],
        )

    def pushes(self, key: Key) -> list[e.AnySaid]:
        """What is pushed to this device now."""
        letters = self.mailboxes.get(key, [])
        room = MAILBOX_WINDOW_ENVELOPES - sum(letter.pushed for letter in letters)
        due = [letter for letter in letters if not letter.pushed][: max(0, room)]
        for letter in due:
            letter.pushed = True
        return [over_the_wire(letter.frame) for letter in due]

    def take(self, key: Key, command: c.Command) -> list[e.Said]:
        """Do what a device asks; what it is told."""
        [body] = FrameReader(MAX_FRAME_BYTES).feed(encode(command))
        asked = decode_command(body)
        self.asked.append((key, asked))
        said = self.answers(key, asked)
        return [over_the_wire(each) for each in (self.decide(key, asked) if said is None else said)]

    def decide(self, key: Key, asked: c.AnyCommand) -> list[e.Said]:
        """As an honest server."""
        match asked:
            case c.PrekeysPublish():
                return self._publish(key, asked)
            case c.DeviceListQuery():
                return [self._lists(asked)]
            case c.PrekeysClaim():
                return self._claim(asked)
            case c.DirectSend():
                return [self._send(key, asked)]
            case c.DirectAcknowledge():
                letters = self.mailboxes.get(key, [])
                letters[:] = [letter for letter in letters if letter.env_id not in asked.envelope_ids]
                return [e.Done(asked.id)]
            case c.DirectDefer():
                return [e.Done(asked.id)]  # stays pushed: it comes again on the next connection
            case _:
                raise AssertionError(f"nobody should ask {asked!r}")

    def sent(self, key: Key) -> list[c.DirectSend]:
        """Every send of one device, in order."""
        return [command for each, command in self.asked if each == key and isinstance(command, c.DirectSend)]

    # --- decisions -------------------------------------------------------------------------------

    def _publish(self, key: Key, asked: c.PrekeysPublish) -> list[e.Said]:
        shelf = self.shelves.setdefault(key, Shelf())
        if asked.signed_prekey:
            self.put_signed(key, asked.signed_prekey)
        if asked.replace:
            shelf.one_time.clear()
        shelf.one_time.extend(each for each in asked.one_time if each not in shelf.one_time)
        return [e.PrekeysKept(asked.id, len(shelf.one_time))]

    def _lists(self, asked: c.DeviceListQuery) -> e.Said:
        account = self.named(asked.name) if asked.name else self.accounts.get(asked.user_id)
        if account is None:
            return e.Failure(asked.id, "user.unknown", "There is no such user.")
        lists = [each for each in account.lists if _version(each) > asked.after] if asked.after else account.lists[-1:]
        return e.DeviceLists(asked.id, account.user_id, account.name, account.state, lists, more=False)

    def _claim(self, asked: c.PrekeysClaim) -> list[e.Said]:
        bundles, low = [], []
        for device_id in asked.devices:
            shelf = self.shelves.get((asked.user_id, device_id))
            if shelf is None or not shelf.signed:
                continue
            one_time = shelf.one_time.popleft() if shelf.one_time else b""
            bundles.append(e.PrekeyBundle(device_id, shelf.signed, one_time))
            if len(shelf.one_time) == ONE_TIME_PREKEYS_REFILL_AT:
                low.append(device_id)
        return [e.PrekeyBundles(asked.id, asked.user_id, bundles)]

    def _send(self, key: Key, asked: c.DirectSend) -> e.Said:
        account = self.accounts.get(asked.user_id)
        if account is None:
            return e.Failure(asked.id, "user.unknown", "There is no such user.")
        if account.state != "enabled":
            return e.Failure(asked.id, "user.disabled", "This account is disabled.")
        envelopes = {part.device_id: part.envelope for part in asked.parts if part.envelope}
        ids = {device_id: EnvelopeHeader.parse(envelope).envelope_id for device_id, envelope in envelopes.items()}
        known = [self.taken[each] for each in ids.values() if each in self.taken]
        for device_id, envelope in envelopes.items():
            if ids[device_id] in self.taken and self.taken[ids[device_id]][0] != envelope:
                return e.Failure(asked.id, "message.id_reused", "This id was used for another message.")
        if len(known) == len(envelopes) and known:
            return e.DirectAccepted(asked.id, known[0][1])
        if [part.device_id for part in asked.parts] != account.devices:
            return e.DevicesStale(asked.id, account.user_id, account.lists[-1:])
        full = [device_id for device_id in envelopes if self._is_full((asked.user_id, device_id), key)]
        if full:
            return e.DevicesFull(asked.id, full)
        for device_id, envelope in envelopes.items():
            if ids[device_id] not in self.taken:
                self.taken[ids[device_id]] = envelope, self.now_ms()
                self.put((asked.user_id, device_id), envelope, key)
        return e.DirectAccepted(asked.id, self.now_ms())

    def put(self, recipient: Key, envelope: bytes, sender: Key, *, time: int | None = None) -> None:
        """Put an envelope into a mailbox, whatever it is."""
        name = self.accounts[sender[0]].name if sender[0] in self.accounts else "stranger"
        frame = e.DirectEnvelope(envelope, self.now_ms() if time is None else time, name)
        letter = Letter(envelope[3:19], frame, sender)
        self.mailboxes.setdefault(recipient, []).append(letter)

    def _is_full(self, recipient: Key, sender: Key) -> bool:
        return sum(letter.sender == sender for letter in self.mailboxes.get(recipient, [])) >= self.capacity


def over_the_wire(said: e.Said) -> e.AnySaid:
    """As it arrives."""
    [body] = FrameReader(MAX_FRAME_BYTES).feed(encode(said))
    return decode_said(body)


def _version(signed_list: bytes) -> int:
    return AcceptedDeviceList.from_own_store(signed_list).device_list.version
