"""Every error has its number, and the numbers are those that scripts rely on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import secure_chat.errors
from secure_chat.errors import (
    CertificateExposed,
    CertificateMissing,
    ChatError,
    DeviceElsewhere,
    LinkInvalid,
    ProfileBusy,
    RateLimited,
    RoomUnknown,
    TlsPinError,
)
from secure_chat.exit_codes import ExitCode, exit_code_of, is_decided

PACKAGE = Path(secure_chat.errors.__file__).parent


def test_the_numbers_are_the_published_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "BUG": 1,
        "USAGE": 2,
        "NETWORK": 3,
        "SERVER_IDENTITY": 4,
        "PERMISSION": 5,
        "RECIPIENT_KEY": 6,
        "RATE_LIMITED": 7,
        "NOT_FOUND": 8,
        "PARTLY_SENT": 9,
        "PROFILE_BUSY": 10,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LinkInvalid(), ExitCode.USAGE),
        (TlsPinError(), ExitCode.SERVER_IDENTITY),
        (DeviceElsewhere(), ExitCode.PERMISSION),
        (CertificateExposed(), ExitCode.PERMISSION),
        (CertificateMissing(), ExitCode.NOT_FOUND),
        (RateLimited(), ExitCode.RATE_LIMITED),
        (RoomUnknown(), ExitCode.NOT_FOUND),
        (ProfileBusy(), ExitCode.PROFILE_BUSY),
        (ChatError(), ExitCode.BUG),
    ],
)
def test_an_error_ends_a_command_with_its_number(error: ChatError, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_no_error_ends_a_command_as_if_nothing_had_happened() -> None:
    errors = [
        kind for kind in vars(secure_chat.errors).values() if isinstance(kind, type) and issubclass(kind, ChatError)
    ]
    assert len(errors) > 40
    assert {exit_code_of(error()) for error in errors}.isdisjoint({ExitCode.OK, ExitCode.INTERRUPTED})


def test_the_number_of_every_error_was_decided() -> None:
    assert sorted({code for code in codes() if not is_decided(code)}) == []


def test_an_error_of_an_unknown_family_counts_as_a_bug() -> None:
    class Unheard(ChatError):
        """Nobody knows this."""

        code = "unheard.of"

    assert not is_decided(Unheard.code)
    assert exit_code_of(Unheard()) is ExitCode.BUG


def codes() -> Iterator[str]:
    """The code of every class of error in the product, wherever it is defined."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for line in node.body:
                match line:
                    case (
                        ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                        | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
                    ):
                        yield code
