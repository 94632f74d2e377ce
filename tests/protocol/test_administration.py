"""The bytes between an operator and a running server: strict one way, bounded both ways."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat import errors
from secure_chat.errors import ChatError, CommandInvalid, InviteUsed, RefusedByServer
from secure_chat.limits import MAX_INVITE_HOURS, MAX_INVITE_ROOMS
from secure_chat.protocol import administration as a
from secure_chat.protocol import codec
from secure_chat.protocol import commands as c
from secure_chat.protocol.events import Done, Failure
from secure_chat.protocol.frames import split_frames

HASH = b"h" * 32
COMMANDS: list[a.AdministrationCommand] = [
    a.ListUsers(1, "alice"),
    a.ShowUser(2, "alice"),
    a.AddUser(3, "alice", HASH, 72, "administrator", ["dev"]),
    a.ResetUser(4, "alice", HASH, 1),
    a.SetUserState(5, "alice", "disabled"),
    a.LogOutUser(6, "alice"),
    a.CreateInvite(7, HASH, MAX_INVITE_HOURS, rooms=["dev"] * MAX_INVITE_ROOMS),
    a.ListInvites(8, 4),
    a.RevokeInvite(9, 4),
    a.ListSessions(10),
    a.AskStatus(11),
    a.AskStatistics(12),
    a.Reload(13),
    a.AskAddress(14),
]
REPLIES: list[a.AdministrationReply] = [
    Failure(1, "user.unknown", "There is no such user."),
    Done(2),
    a.InviteMade(3, 7, 10**12),
    a.InvitePage(4, [a.InviteRow(1, "join", "member", "", ["dev"], "root", 1, 2, "open", "")], more=False),
    a.Reloaded(5, ["name"], ["listen.port"], 1),
    a.Address(6, "localhost", 7443, b"a" * 33, b"p" * 16),
    a.Statistics(7, [a.Counter("connections", 3)]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_request_arrives_as_it_was_sent(command: a.AdministrationCommand) -> None:
    (body,) = split_frames(a.encode(command))
    assert a.decode_command(body) == command


def test_the_examples_are_all_requests_there_are() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(a.AdministrationCommand))


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_every_reply_arrives_as_it_was_sent(reply: a.AdministrationReply) -> None:
    (body,) = split_frames(a.encode(reply))
    assert a.decode_reply(body) == reply


@pytest.mark.parametrize(
    "command",
    [
        a.CreateInvite(1, b"short", 72),
        a.CreateInvite(1, HASH, 0),
        a.CreateInvite(1, HASH, MAX_INVITE_HOURS + 1),
        a.CreateInvite(1, HASH, 72, rooms=["dev"] * (MAX_INVITE_ROOMS + 1)),
        a.ShowUser(0, "alice"),
        a.ShowUser(1, "x" * 256),
        c.RoomJoin(1, "dev"),
    ],
)
def test_what_is_out_of_bounds_or_of_the_wire_is_refused(command: c.Command) -> None:
    with pytest.raises(CommandInvalid):
        a.decode_command(msgspec.msgpack.encode(command))


def test_the_wire_knows_no_request_of_an_operator() -> None:
    for command in COMMANDS:
        with pytest.raises(CommandInvalid):
            codec.decode_command(msgspec.msgpack.encode(command))


@given(st.binary(max_size=200))
def test_bytes_that_are_nothing_are_refused_and_nothing_else_happens(body: bytes) -> None:
    for decode in (a.decode_command, a.decode_reply):
        try:
            decode(body)
        except CommandInvalid:
            continue


def test_requests_show_neither_names_nor_hashes_in_a_log() -> None:
    for command in COMMANDS:
        assert repr(command) == f"{type(command).__name__}(id={command.id})"


def test_a_refusal_becomes_the_error_of_its_code() -> None:
    error = a.error_of(Failure(1, "invite.used", "This invite was used on 3 May.", "ask for a new one", 4.0))
    assert isinstance(error, InviteUsed)
    assert (error.sentence, error.next_step, error.retry_after) == (
        "This invite was used on 3 May.",
        "ask for a new one",
        4.0,
    )


def test_a_refusal_that_this_version_does_not_know_keeps_sentence_and_code() -> None:
    error = a.error_of(Failure(1, "moon.full", "The moon is full."))
    assert isinstance(error, RefusedByServer)
    assert str(error) == "The moon is full. (moon.full)"


def test_every_error_finds_its_way_back() -> None:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, ChatError) and kind is not ChatError:
            assert a.error_of(Failure(1, kind.code, "x")).code == kind.code
