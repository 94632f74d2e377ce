"""One list of commands: what it finds, what it suggests, and that everything in it can be explained."""

import re

import pytest

from secure_chat.client.line.commands import registry
from secure_chat.client.line.registry import LATER
from secure_chat.errors import SlashNotHere, SlashUnknown

OF_THIS_VERSION = (
    "discard dm exit fingerprint go help history invite-person join kick leave me members msg next part passwd query "
    "quit reconnect reply rooms search session status tell topic trust users verify w whisper who"
).split()
COMMANDS = registry()


def test_these_are_the_commands_of_this_version() -> None:
    assert list(COMMANDS.names) == OF_THIS_VERSION


def test_an_alias_is_the_command() -> None:
    assert COMMANDS.find("part") is COMMANDS.find("leave")
    assert COMMANDS.find("exit") is COMMANDS.find("quit")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("jion", "join"),
        ("hist", "history"),
        ("tpoic", "topic"),
        ("user", "users"),
        ("mgs", "msg"),
        ("verfiy", "verify"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(SlashUnknown, match=f"Unknown command /{typed}, did you mean /{meant}\\? Nothing was sent"):
        COMMANDS.find(typed)


def test_what_resembles_nothing_is_answered_without_a_guess() -> None:
    with pytest.raises(SlashUnknown, match=r"^Unknown command /xyzzy. Nothing was sent\.$"):
        COMMANDS.find("xyzzy")
    with pytest.raises(SlashUnknown):
        COMMANDS.find("")


@pytest.mark.parametrize("typed", ["foo/msg", "/msg", "usr/bin/join", "msg:"])
def test_what_is_no_name_at_all_is_answered_without_a_guess(typed: str) -> None:
    with pytest.raises(SlashUnknown) as told:
        COMMANDS.find(typed)
    assert told.value.sentence == f"Unknown command /{typed}. Nothing was sent."


def test_what_comes_later_is_said_to_be_missing() -> None:
    with pytest.raises(SlashNotHere, match=r"^Files are not in this version\. Nothing was sent\.$"):
        COMMANDS.find("send-file")
    with pytest.raises(SlashNotHere, match=r"^More than one device for each person is not in this version\."):
        COMMANDS.find("devices")


def test_what_is_not_in_this_version_is_no_command_and_never_suggested() -> None:
    assert not set(LATER) & set(COMMANDS.names)
    for typed in ("raect", "blokc", "devics", "send-fil"):
        assert COMMANDS.closest(typed) not in LATER


def test_every_command_says_what_it_does_and_its_examples_are_commands() -> None:
    for command in COMMANDS:
        assert command.summary
        assert not command.summary.endswith(".")
        for example in command.examples:
            assert re.match(r"/(\S+)", example)
            assert COMMANDS.find(example[1:].split()[0]) is command, example
