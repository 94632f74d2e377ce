"""Requests are decoded strictly, replies leniently, and nothing but the protocol's own errors comes out."""

import contextlib
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.errors import CommandInvalid, FrameTooLarge
from secure_chat.limits import (
    FRAME_HEADER_BYTES,
    MAX_DEVICES_PER_USER,
    MAX_ENVELOPE_BYTES,
    MAX_NAMED_ENVELOPES,
    MAX_SETTLED_INVITES,
    MAX_SMALL_REQUEST_BYTES,
    ONE_TIME_PREKEYS_UPLOAD,
)
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_command, decode_said, encode

VECTORS = Path(__file__).parents[1] / "vectors" / "protocol" / "frames.json"

PROOF = c.DeviceProof(device_id=7, signature=b"\x07" * 64, counter=3)
COMMANDS: list[c.Command] = [
    c.NameQuery(1, "alice"),
    c.InviteQuery(2, b"\x02" * 32),
    c.Register(3, "alice", b"\x01" * 32, b"\x02" * 334, b"\x03" * 1297, PROOF, b"\x04" * 16, b"\x05" * 32),
    c.Login(4, "alice", b"\x01" * 32, PROOF),
    c.Login(4, "alice", b"\x01" * 32),
    c.Resume(5, b"\x06" * 32, PROOF),
    c.Recover(6, "alice", b"\x01" * 32, b"\x02" * 334, b"\x03" * 1297, PROOF),
    c.TokenConfirm(7, b"\x08" * 32),
    c.Logout(8),
    c.PassphraseChange(9, b"\x01" * 32, b"\x02" * 32),
    c.Ping(10),
    c.Pong(11),
    c.RoomCreate(12, "dev"),
    c.RoomJoin(13, "dev"),
    c.RoomLeave(14, "dev"),
    c.RoomOpen(15, "dev"),
    c.RoomOpen(15, "dev", 41),
    c.RoomPost(16, "dev", b"\x09" * 16, "hello"),
    c.RoomTopic(17, "dev", b"\x09" * 16, "Releases"),
    c.RoomKick(18, "dev", b"\x09" * 16, "mallory", "spam"),
    c.RoomList(19, "dev", "de"),
    c.RoomMembers(20, "dev", "alice"),
    c.RoomHistory(21, "dev", 1, 200),
    c.RoomSearch(22, "cert rotation", "dev", "bob", 1_760_000_000_000, 0),
    c.UserList(23),
    c.PrekeysPublish(24, b"\x03" * 1297, [b"\x0b" * 1288], True),
    c.PrekeysPublish(24),
    c.DeviceListQuery(25, "bob", b"", 3),
    c.DeviceListQuery(25, user_id=b"\x01" * 16),
    c.PrekeysClaim(26, b"\x01" * 16, [7, 8]),
    c.DirectSend(27, b"\x01" * 16, [c.DirectPart(7, b"\x0c" * 923), c.DirectPart(8, omitted=1)]),
    c.DirectAcknowledge(28, [b"\x0d" * 16]),
    c.DirectDefer(29, [b"\x0d" * 16]),
    c.InviteCreate(30, b"\x02" * 32),
    c.InviteOwn(31),
    c.InviteSettle(32, [b"\x02" * 32]),
]
MESSAGE = e.Message("dev", 42, 1_760_000_000_000, "alice", b"\x09" * 16, "hello")
SAID: list[e.Said] = [
    e.Failure(1, "rate.limited", "Slow down.", "", 2.4),
    e.Done(1),
    e.NameFacts(1, 1),
    e.InviteFacts(1, "join", 1_760_000_000_000, "", b"", b"", e.Inviter(b"\x01" * 16, "alice", b"\x02" * 32)),
    e.Welcome(1, b"\x01" * 16, "alice", "member", 2, 1, 1_760_000_000_000, [e.JoinedRoom("lobby", "", 5, 1)]),
    e.WelcomeLimited(1, b"\x01" * 16, "alice", b"\x02" * 334),
    e.Accepted(1, "dev", 42, 1_760_000_000_000, "hello"),
    e.RoomOpened(1, "dev", "Releases", 42, 1, 41, 6),
    e.RoomPage(1, [e.RoomSummary("dev", "Releases", 6, True)], False, 1),
    e.PeoplePage(1, [e.Person("alice", "administrator", True)], False, 1),
    e.HistoryPage(1, "dev", 42, 42, encode(MESSAGE)),
    e.SearchPage(1, encode(MESSAGE), 0),
    e.PongReply(1),
    e.PrekeysKept(1, 100),
    e.DeviceLists(1, b"\x01" * 16, "bob", "enabled", [b"\x02" * 334], False),
    e.PrekeyBundles(1, b"\x01" * 16, [e.PrekeyBundle(7, b"\x03" * 1297, b"\x0b" * 1288)]),
    e.DirectAccepted(1, 1_760_000_000_000),
    e.DevicesStale(1, b"\x01" * 16, [b"\x02" * 334]),
    e.DevicesFull(1, [7]),
    e.InviteMade(1, 1_760_000_000_000),
    e.OwnInvites(1, [e.UsedInvite(b"\x02" * 32, b"\x01" * 16, "bob", b"\x05" * 32, b"\x06" * 32, 1_760_000_000_000)]),
    e.Hello(b"\x01" * 32, b"\x02" * 32, "invite"),
    e.PingEvent(1),
    e.ServerClosing(3.5),
    e.SessionReplaced(),
    MESSAGE,
    e.TopicSet("dev", 43, 1_760_000_000_000, "alice", "Releases"),
    e.Joined("dev", 44, 1_760_000_000_000, "bob"),
    e.Left("dev", 45, 1_760_000_000_000, "bob"),
    e.Kicked("dev", 46, 1_760_000_000_000, "mallory", "alice", "spam"),
    e.RoomGap("dev", 1, 41),
    e.Presence("dev", ["alice"], ["bob"], 2),
    e.DirectEnvelope(b"\x0c" * 923, 1_760_000_000_000, "alice"),
    e.PrekeysLow(39),
    e.InviteUsed(b"\x02" * 32),
]


def vectors() -> dict[str, list[dict[str, Any]]]:
    """What the vector file must hold: each example as JSON beside its frame in hex."""

    def row(value: c.Command | e.Said) -> dict[str, Any]:
        return {
            "json": json.loads(msgspec.json.encode(msgspec.to_builtins(_hexed(value)))),
            "frame": encode(value).hex(),
        }

    return {"commands": [row(value) for value in COMMANDS], "said": [row(value) for value in SAID]}


def _hexed(value: Any) -> Any:
    """The same value with every byte string as hex, as JSON has none."""
    builtins = msgspec.to_builtins(value, builtin_types=(bytes,))

    def walk(part: Any) -> Any:
        if isinstance(part, bytes):
            return part.hex()
        if isinstance(part, dict):
            return {key: walk(inner) for key, inner in part.items()}
        if isinstance(part, list):
            return [walk(inner) for inner in part]
        return part

    return walk(builtins)


def test_the_examples_cover_every_command_and_everything_a_server_says() -> None:
    assert {type(value) for value in COMMANDS} == set(get_args(c.AnyCommand))
    assert {type(value) for value in SAID} == set(get_args(e.AnySaid))


def test_every_example_is_encoded_as_its_frozen_vector_says() -> None:
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == vectors()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_comes_back_as_it_was_sent(command: c.Command) -> None:
    assert decode_command(encode(command)[FRAME_HEADER_BYTES:]) == command


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_what_a_server_says_comes_back_as_it_was_said(said: e.Said) -> None:
    assert decode_said(encode(said)[FRAME_HEADER_BYTES:]) == said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_request_with_an_unknown_field_is_refused(command: c.Command) -> None:
    fields = msgspec.msgpack.decode(encode(command)[FRAME_HEADER_BYTES:])
    with pytest.raises(CommandInvalid):
        decode_command(msgspec.msgpack.encode({**fields, "extra": 1}))


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_a_later_servers_additional_field_is_ignored(said: e.Said) -> None:
    fields = msgspec.msgpack.decode(encode(said)[FRAME_HEADER_BYTES:])
    assert decode_said(msgspec.msgpack.encode({**fields, "extra": 1})) == said


@given(st.binary(max_size=600))
def test_arbitrary_bytes_raise_nothing_but_the_protocols_own_error(body: bytes) -> None:
    for decode in (decode_command, decode_said):
        with contextlib.suppress(CommandInvalid):
            decode(body)


@given(st.sampled_from(COMMANDS), st.data())
def test_a_command_with_altered_bytes_decodes_or_is_refused_and_never_breaks(
    command: c.Command, data: st.DataObject
) -> None:
    body = bytearray(encode(command)[FRAME_HEADER_BYTES:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CommandInvalid):
        decode_command(bytes(body))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CommandInvalid):
        decode_command(b"\x91" * 5000)


def test_a_text_with_a_lone_surrogate_is_refused() -> None:
    body = encode(c.RoomPost(1, "dev", bytes(16), "XXX"))[FRAME_HEADER_BYTES:].replace(b"XXX", b"\xed\xa0\x80")
    with pytest.raises(CommandInvalid):
        decode_command(body)


def test_a_small_request_above_its_limit_is_refused_although_the_frame_may_be_larger() -> None:
    body = encode(c.RoomPost(1, "dev", bytes(16), "x" * (MAX_SMALL_REQUEST_BYTES - 60)))[FRAME_HEADER_BYTES:]
    assert len(body) > MAX_SMALL_REQUEST_BYTES
    with pytest.raises(FrameTooLarge):
        decode_command(body)


@pytest.mark.parametrize("identifier", [0, -1, 2**32])
def test_a_request_id_out_of_range_is_refused(identifier: int) -> None:
    with pytest.raises(CommandInvalid):
        decode_command(msgspec.msgpack.encode({"type": "ping", "id": identifier}))


def test_no_secret_of_a_request_stands_in_an_error() -> None:
    fields = msgspec.msgpack.decode(encode(COMMANDS[3])[FRAME_HEADER_BYTES:])
    with pytest.raises(CommandInvalid) as caught:
        decode_command(msgspec.msgpack.encode({**fields, "login_secret": b"S" * 31}))
    assert "SSS" not in str(caught.value)


ID16, HASH32 = b"\x0d" * 16, b"\x02" * 32


@pytest.mark.parametrize(
    ("fullest", "one_more"),
    [
        (
            c.PrekeysPublish(1, b"\x03" * 1297, [b"\x0b" * 1288] * ONE_TIME_PREKEYS_UPLOAD),
            c.PrekeysPublish(1, b"", [b"\x0b" * 1288] * (ONE_TIME_PREKEYS_UPLOAD + 1)),
        ),
        (c.PrekeysClaim(1, ID16, [7] * MAX_DEVICES_PER_USER), c.PrekeysClaim(1, ID16, [7] * 9)),
        (c.DirectSend(1, ID16, [c.DirectPart(7, omitted=5)] * 8), c.DirectSend(1, ID16, [c.DirectPart(7)] * 9)),
        (
            c.DirectSend(1, ID16, [c.DirectPart(7, b"e" * MAX_ENVELOPE_BYTES)] * MAX_DEVICES_PER_USER),
            c.DirectSend(1, ID16, [c.DirectPart(7, b"e" * (MAX_ENVELOPE_BYTES + 1))]),
        ),
        (
            c.DirectAcknowledge(1, [ID16] * MAX_NAMED_ENVELOPES),
            c.DirectAcknowledge(1, [ID16] * (MAX_NAMED_ENVELOPES + 1)),
        ),
        (c.DirectDefer(1, [ID16] * MAX_NAMED_ENVELOPES), c.DirectDefer(1, [ID16] * (MAX_NAMED_ENVELOPES + 1))),
        (c.InviteSettle(1, [HASH32] * MAX_SETTLED_INVITES), c.InviteSettle(1, [HASH32] * (MAX_SETTLED_INVITES + 1))),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_request_holds_as_much_as_its_limit_says_and_not_one_more(fullest: c.Command, one_more: c.Command) -> None:
    assert decode_command(encode(fullest)[FRAME_HEADER_BYTES:]) == fullest
    with pytest.raises(CommandInvalid):
        decode_command(encode(one_more)[FRAME_HEADER_BYTES:])


@pytest.mark.parametrize(
    "command",
    [
        c.PrekeysPublish(1, b"\x03" * 1298),
        c.PrekeysPublish(1, b"", [b"\x0b" * 1287]),
        c.PrekeysPublish(1, b"", [b"\x0b" * 1289]),
        c.DeviceListQuery(1, "", b"\x01" * 17),
        c.PrekeysClaim(1, ID16, []),
        c.PrekeysClaim(1, ID16, [0]),
        c.PrekeysClaim(1, ID16[1:], [7]),
        c.DirectSend(1, ID16, []),
        c.DirectSend(1, ID16, [c.DirectPart(7, omitted=6)]),
        c.DirectSend(1, ID16, [c.DirectPart(2**32)]),
        c.DirectAcknowledge(1, []),
        c.DirectAcknowledge(1, [ID16[1:]]),
        c.DirectDefer(1, []),
        c.InviteSettle(1, []),
        c.InviteSettle(1, [HASH32[1:]]),
    ],
    ids=repr,
)
def test_what_has_no_size_of_this_protocol_is_refused(command: c.Command) -> None:
    with pytest.raises(CommandInvalid):
        decode_command(encode(command)[FRAME_HEADER_BYTES:])
