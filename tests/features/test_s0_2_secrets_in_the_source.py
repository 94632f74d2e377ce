"""Row S0.2: no secret stands in the source."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture.never import SECRET
from tests.architecture.source import Module, last_name, modules

KEY_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
# Hex or base64 of 16 bytes and more, with letters and digits mixed: words of a sentence are not.
KEY_MATERIAL = re.compile(r"(?=[^ ]*[0-9])(?=[^ ]*[a-z])(?:[0-9a-f]{32,}|(?=[^ ]*[A-Z])[A-Za-z0-9+/_-]{40,}={0,2})")


def secrets_in(found: Iterable[Module]) -> list[str]:
    """Literals that are a key, look like one, or stand under a secret's name."""
    faults: list[str] = []
    for module in found:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if KEY_BLOCK.search(text) or KEY_MATERIAL.fullmatch(text):
                    faults.append(module.at(node, "a literal that looks like a key"))
        faults += (module.at(value, f"{name} is written out") for name, value in named_literals(module))
    return faults


def named_literals(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """Texts and bytes, not empty, that are given to a name which holds a secret."""
    for node in ast.walk(module.tree):
        pairs: list[tuple[str, ast.expr | None]] = []
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(last_name(target), value) for target in targets]
            case ast.AnnAssign(target=target, value=value):
                pairs = [(last_name(target), value)]
            case ast.keyword(arg=str(name), value=value):
                pairs = [(name, value)]
            case ast.arguments(
                posonlyargs=first, args=args, defaults=defaults, kwonlyargs=kwonly, kw_defaults=kw_defaults
            ):
                defaulted = [*first, *args][len(first) + len(args) - len(defaults) :]
                pairs = [(argument.arg, value) for argument, value in zip(defaulted, defaults, strict=True)]
                pairs += [(argument.arg, value) for argument, value in zip(kwonly, kw_defaults, strict=True)]
        for name, value in pairs:
            if SECRET.search(name) and isinstance(value, ast.Constant) and value.value and value.value is not True:
                yield name, value


def test_s0_2_not_a_secret_in_the_source() -> None:
    faults = secrets_in(modules())
    assert not faults, "\n".join(["", *faults])


@pytest.mark.parametrize(
    "line",
    [
        "passphrase = 'swordfish'",
        "TOKEN: Final = b'0123'",
        "connect(password='swordfish')",
        "def login(name, passphrase='swordfish'): ...",
        "def login(*, admin_token='swordfish'): ...",
        "def login(passphrase='swordfish', /): ...",
        "x = '000102030405060708090a0b0c0d0e0f'",
        "x = b'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg'",
        "x = '''-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49\\n'''",
    ],
)
def test_a_secret_in_the_source_is_seen(tmp_path: Path, line: str) -> None:
    assert len(secrets_in([Module(tmp_path, "secure_chat/planted.py", line)])) == 1


@pytest.mark.parametrize(
    "line", ["token = b''", "passphrase = ask()", "x = 'this is a sentence of more than forty letters'", "seed = None"]
)
def test_what_is_no_secret_is_not_mistaken(tmp_path: Path, line: str) -> None:
    assert secrets_in([Module(tmp_path, "secure_chat/planted.py", line)]) == []
