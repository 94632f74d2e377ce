"""The next step that an error names can be taken: every command in it exists in this version, with its options."""

import argparse
import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from secure_chat import errors
from secure_chat.client.arguments import build_parser as client_parser
from secure_chat.client.line.commands import registry
from secure_chat.server.main import parser as server_parser
from secure_chat_tools.admin import arguments as admin_arguments
from secure_chat_tools.certs import arguments as certs_arguments
from tests.architecture.source import ROOT

PROGRAMS: Final = {
    "secure-chat": client_parser,
    "secure-chat-server": server_parser,
    "secure-chat-admin": admin_arguments._parser,
    "secure-chat-certs": certs_arguments._parser,
}
SLASH: Final = re.compile(r"(?<![\w/.<'\"~-])/([a-z][a-z-]*)")
# A program's name is a command when a sentence stops before it, not when it is spoken of.
SHELL: Final = re.compile(r"(?:^|[:,;.`?] ?|or )(secure-chat(?:-server|-admin|-certs)?)((?: [\w'#/.-]+)*)")
FILES: Final = frozenset({"dev"})  # /dev/...
BLANK: Final = "X"  # what an f-string puts there


def hints_in(source: str) -> Iterator[str]:
    """The next steps that a module's source writes: `hint = ...` of a class, `hint=...` of a call."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="hint")], value=value)
                | ast.AnnAssign(target=ast.Name(id="hint"), value=ast.expr() as value)
            ):
                yield from texts_of(value)
            case ast.keyword(arg="hint", value=value):
                yield from texts_of(value)


def texts_of(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        match node:
            case ast.JoinedStr(values=pieces):
                yield "".join(str(piece.value) if isinstance(piece, ast.Constant) else BLANK for piece in pieces)
            case ast.Constant(value=str(text)):
                yield text


def faults(hint: str) -> Iterator[str]:
    """What in a next step cannot be done."""
    commands = registry()
    for match in SLASH.finditer(hint):
        if commands.get(match[1]) is None and match[1] not in FILES:
            yield f"there is no command /{match[1]}: {hint}"
    for match in SHELL.finditer(hint):
        if not can_be_run(PROGRAMS[match[1]](), match[2].split()):
            yield f"{match[1]} has no such command: {hint}"


def can_be_run(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """Whether the words begin with commands of this parser, and its options are among those that it knows."""
    options = {option for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if action.option_strings or action.choices is None or not words or words[0].startswith("-"):
            continue
        if isinstance(action, argparse._SubParsersAction):
            return words[0] in action.choices and can_be_run(action.choices[words[0]], words[1:])
        if words[0] not in action.choices:
            return False
    return all(word in options for word in words if word.startswith("--"))


def all_hints() -> list[tuple[str, str]]:
    places = [*sorted((ROOT / "secure_chat").rglob("*.py")), *sorted((ROOT / "tools").rglob("*.py"))]
    return [(path.relative_to(ROOT).as_posix(), hint) for path in places for hint in hints_in(path.read_text("utf-8"))]


def test_every_next_step_in_the_source_can_be_taken() -> None:
    found = [f"{place}: {fault}" for place, hint in all_hints() for fault in faults(hint)]
    assert not found, "\n".join(["", *found])


def test_next_steps_are_found_where_they_are_written() -> None:
    hints = [hint for _, hint in all_hints()]
    assert errors.NotConnected.hint in hints
    assert errors.DeviceElsewhere.hint in hints
    assert any(BLANK in hint for hint in hints)
    assert len(hints) > 40


@pytest.mark.parametrize(
    "hint",
    [
        "/send-file x bob",
        "join it: /jion ROOM",
        "secure-chat gui",
        "see it: secure-chat-server doctor",
        "secure-chat login --recover",
        "or: secure-chat-certs issue sever",
    ],
)
def test_a_next_step_that_cannot_be_taken_is_seen(hint: str) -> None:
    assert list(faults(hint))


@pytest.mark.parametrize(
    "hint",
    [
        "a newer secure-chat may know more",
        "install the newest secure-chat, or ask for a link of version 1",
        "paste the whole line that begins with secure-chat://",
        "open /dev/tty and and/or",
        "secure-chat login --recovery LINK, with the recovery key",
    ],
)
def test_what_is_no_command_is_not_taken_for_one(hint: str) -> None:
    assert not list(faults(hint))
