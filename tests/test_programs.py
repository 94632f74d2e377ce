"""A next step can be typed as it is shown: the programs in it are called as this one was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat.client.sentences import error_sentences
from secure_chat.errors import DeviceElsewhere, NothingAnswers
from secure_chat.programs import PROGRAMS, called, typable


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the programs in .venv/bin, which the shell does not look into; secure-chat is started there."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        (programs / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "argv", [".venv/bin/secure-chat"])
    monkeypatch.setenv("PATH", "/nowhere")
    return programs


def test_in_a_checkout_programs_are_called_by_their_path(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called("secure-chat") == ".venv/bin/secure-chat"
    monkeypatch.chdir("/usr")
    assert called("secure-chat") == str(checkout / "secure-chat")


def test_what_the_shell_finds_is_called_by_name_also_by_a_link(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert called("secure-chat") == "secure-chat"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "secure-chat").symlink_to(checkout / "secure-chat")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert called("secure-chat") == "secure-chat"
    assert typable("log in: secure-chat login") == "log in: secure-chat login"


def test_another_installation_that_the_shell_finds_is_not_this_one(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checkout.exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secure-chat").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert called("secure-chat") == ".venv/bin/secure-chat"


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("secure-chat users", ".venv/bin/secure-chat users"),
        ("see it: secure-chat-server status", "see it: .venv/bin/secure-chat-server status"),
        ("is it? On it: secure-chat-server status", "is it? On it: .venv/bin/secure-chat-server status"),
        (
            "secure-chat join LINK, or with an account already: secure-chat login --recovery LINK",
            ".venv/bin/secure-chat join LINK, or with an account already: .venv/bin/secure-chat login --recovery LINK",
        ),
        (
            "one may be too old: secure-chat --version, secure-chat-server version",
            "one may be too old: .venv/bin/secure-chat --version, .venv/bin/secure-chat-server version",
        ),
        ("install the newest secure-chat", "install the newest secure-chat"),
        ("a newer secure-chat may know more", "a newer secure-chat may know more"),
        ("in secure-chat: /join dev", "in secure-chat: /join dev"),
        ("paste the line that begins with secure-chat://", "paste the line that begins with secure-chat://"),
        ("in a room: /leave", "in a room: /leave"),
    ],
)
def test_a_command_in_a_next_step_is_written_as_it_can_be_typed_and_nothing_else_is(hint: str, shown: str) -> None:
    assert typable(hint) == shown
    assert typable(shown) == shown


@pytest.mark.usefixtures("checkout")
def test_the_line_client_shows_it_too() -> None:
    assert error_sentences(NothingAnswers())[1].endswith("On it: .venv/bin/secure-chat-server status.")
    assert error_sentences(DeviceElsewhere(hint="secure-chat login"))[1] == ".venv/bin/secure-chat login."


def test_what_was_not_started_as_a_program_advises_names(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkout.exists()
    monkeypatch.setattr(sys, "argv", ["/somewhere/secure_chat/client/main.py"])
    assert typable("log in: secure-chat login") == "log in: secure-chat login"


@pytest.mark.parametrize(
    ("program", "arguments", "advised"),
    [
        ("secure-chat", ["status"], "secure-chat join LINK"),
        ("secure-chat-server", ["status"], "secure-chat-server run"),
        ("secure-chat-certs", ["show"], "secure-chat-certs"),
        ("secure-chat-admin", ["invite", "list"], "secure-chat-server quickstart"),
    ],
)
def test_each_program_started_by_its_path_advises_that_path(
    program: str, arguments: list[str], advised: str, tmp_path: Path
) -> None:
    started = Path(sys.executable).with_name(program)
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for name in [name for name in environment if name.startswith(("XDG_", "SECURE_CHAT_"))]:
        del environment[name]
    failed = subprocess.run(
        [started, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert failed.returncode != 0
    assert f"{started.parent}/{advised}" in failed.stderr
