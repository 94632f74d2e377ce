"""The tables of PROTOCOL.md, made from the types, the table of states, the errors and the limits.

`python -m tests.documents.protocol_tables` writes them into PROTOCOL.md anew; a test holds both equal.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import inspect as shape

import secure_chat.errors
from secure_chat import limits
from secure_chat.errors import ChatError, NotNow, PermissionDenied
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.states import ADMINISTRATORS_ONLY, TRANSITIONS, Role, State, answer

DOCUMENT = Path(__file__).parents[2] / "PROTOCOL.md"
_BLOCK = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def tag_of(struct: type[msgspec.Struct]) -> str:
    """The value of `type` on the wire."""
    return str(struct.__struct_config__.tag)


def first_line(thing: object) -> str:
    """The first line of a docstring, for a cell of a table."""
    return (inspect.getdoc(thing) or "").splitlines()[0].replace("|", "\\|")


def describe(kind: shape.Type) -> str:
    """A field's type and size in words."""
    match kind:
        case shape.UnionType():
            return " or ".join(describe(each) for each in kind.types)
        case shape.BytesType():
            low, high = kind.min_length or 0, kind.max_length
            size = "" if high is None else f" {high}" if low == high else f" {low}-{high}"
            return f"bin{size}"
        case shape.StrType():
            return "str" if kind.max_length is None else f"str 0-{kind.max_length} characters"
        case shape.IntType():
            return "uint" if kind.ge is None else f"uint {kind.ge}-{_number(kind.le)}"
        case shape.FloatType():
            return "float"
        case shape.BoolType():
            return "bool"
        case shape.NoneType():
            return "nil"
        case shape.ListType():
            most = "" if kind.max_length is None else f"{kind.min_length or 0}-{kind.max_length} "
            return f"array of {most}{describe(kind.item_type)}"
        case shape.StructType():
            return f"map {kind.cls.__name__}"
    return type(kind).__name__


def _number(value: int | None) -> str:
    powers = {2**32 - 1: "2^32-1", 2**63 - 1: "2^63-1"}
    return "" if value is None else powers.get(value, str(value))


def _fields(struct: type[msgspec.Struct]) -> str:
    information = shape.type_info(struct)
    assert isinstance(information, shape.StructType)
    return "<br>".join(
        f"`{field.encode_name}` {describe(field.type)}{'' if field.required else ', may be absent'}"
        for field in information.fields
        if field.name != "id"
    )


def _structs(*structs: type[msgspec.Struct]) -> Iterator[str]:
    yield "| `type` | meaning | fields beside `id` |"
    yield "|---|---|---|"
    for struct in structs:
        yield f"| `{tag_of(struct)}` | {first_line(struct)} | {_fields(struct)} |"


def _parts(*structs: type[msgspec.Struct]) -> Iterator[str]:
    yield "| map | meaning | fields |"
    yield "|---|---|---|"
    for struct in structs:
        yield f"| {struct.__name__} | {first_line(struct)} | {_fields(struct)} |"


def commands() -> Iterator[str]:
    """Every request."""
    yield from _structs(*get_args(c.AnyCommand))
    yield ""
    yield from _parts(c.DeviceProof, c.DirectPart)


def replies() -> Iterator[str]:
    """Every reply."""
    yield from _structs(*get_args(e.Reply))
    yield ""
    yield from _parts(e.Inviter, e.JoinedRoom, e.RoomSummary, e.Person, e.PrekeyBundle, e.UsedInvite)


def events() -> Iterator[str]:
    """Every event."""
    yield from _structs(*get_args(e.Event))


def states() -> Iterator[str]:
    """What each state means, and the transitions as a diagram."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> unauthenticated: handshake, hello"
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, command), after in TRANSITIONS.items():
        if state is not after:
            arrows.setdefault((state.value, after.value), []).append(tag_of(command))
    for (before, target), tags in arrows.items():
        yield f"    {before} --> {target}: {', '.join(tags)}"
    for decided, said in ((State.READY, "welcome"), (State.LIMITED, "welcome.limited"), (State.CLOSING, "error")):
        yield f"    {State.AUTHENTICATING.value} --> {decided.value}: {said}"
    yield "    closing --> [*]"
    yield "```"


def cells() -> Iterator[str]:
    """The table command x state x role."""
    yield "| command | " + " | ".join(state.value for state in State) + " |"
    yield "|---" * (len(State) + 1) + "|"
    for command in get_args(c.AnyCommand):
        row = [_cell(state, command) for state in State]
        yield f"| `{tag_of(command)}` | " + " | ".join(row) + " |"
    yield ""
    restricted = ", ".join(f"`{tag_of(command)}`" for command in sorted(ADMINISTRATORS_ONLY, key=tag_of))
    denied = PermissionDenied.code
    yield f"`-`: refused with `{NotNow.code}`. A: for administrators ({restricted}); a member gets `{denied}`."


def _cell(state: State, command: type[c.Command]) -> str:
    after = answer(state, Role.ADMINISTRATOR, command)
    if not isinstance(after, State):
        return "-"
    mark = " (A)" if answer(state, Role.MEMBER, command) is PermissionDenied else ""
    return f"→ {after.value}{mark}"


def error_codes() -> Iterator[str]:
    """Every code of the tree of errors, with its sentence and what to do."""
    yield "| code | meaning | next step |"
    yield "|---|---|---|"
    rows: dict[str, str] = {}
    for error in _tree(ChatError):
        if error.__module__ == secure_chat.errors.__name__ and "code" in vars(error):
            rows.setdefault(error.code, f"| `{error.code}` | {first_line(error)} | {error.hint or ''} |")
    yield from (rows[code] for code in sorted(rows))


def _tree(root: type[ChatError]) -> Iterator[type[ChatError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def limit_table() -> Iterator[str]:
    """Every limit with its value and its reason, as limits.py states it."""
    source = inspect.getsource(limits)
    lines = source.splitlines()
    yield "| limit | value | reason |"
    yield "|---|---|---|"
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _, _, reason = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")
            value = getattr(limits, node.target.id)
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            yield f"| `{node.target.id}` | {shown} | {reason.replace('|', chr(92) + '|')} |"


TABLES = {
    "commands": commands,
    "replies": replies,
    "events": events,
    "states": states,
    "cells": cells,
    "errors": error_codes,
    "limits": limit_table,
}


def rendered(document: str) -> str:
    """The document with every table made anew."""

    def replace(match: re.Match[str]) -> str:
        return match[1] + "\n" + "\n".join(TABLES[match["name"]]()) + "\n\n" + match[3]

    return _BLOCK.sub(replace, document)


def named(document: str) -> list[str]:
    """The tables that the document has a place for."""
    return [match["name"] for match in _BLOCK.finditer(document)]


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write("PROTOCOL.md: tables written.\n")
