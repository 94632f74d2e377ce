"""docs/administration.md is true: every command in it works, in the order of the page, and says what the page shows."""

import re
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.tools.calls import ROOT, Done
from tests.tools.test_admin import ADMIN

PAGE = (ROOT / "docs" / "administration.md").read_text("utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"^```text\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """With a bob and a carol, as the page has them, and a port that is known."""
    made = Installation(tmp_path)
    with made.start():
        pass
    made.seed(["bob", "carol"])
    made.seed(["somebody"], ["dev", "ops"])
    return made


def call(installation: Installation, line: str) -> Done:
    program, *arguments = shlex.split(line)
    assert program == ADMIN.program
    return ADMIN.run(installation.directory, "--config", "secure-chat.toml", *arguments)


@pytest.mark.parametrize("is_running", [False, True])
def test_every_command_of_the_page_works_in_its_order(installation: Installation, is_running: bool) -> None:
    lines = [line for block in SHELL.findall(PAGE) for line in block.splitlines()]
    assert len(lines) > 15
    with installation.start() if is_running else nullcontext():
        for line in lines:
            done = call(installation, line)
            assert done.returncode == 0, f"{line}: {done.stderr}"


def test_the_terminal_shows_what_the_page_shows(installation: Installation) -> None:
    ((line, shown),) = TERMINAL.findall(PAGE)
    _, *arguments = shlex.split(line)
    child = ADMIN.at_terminal(installation.directory, "--config", "secure-chat.toml", *arguments, TERM="dumb")
    try:
        child.expect_exact("changes nothing: ")
        before = child.before
        child.sendline("carol")
        text = f"{before}changes nothing: {child.read()}"
    finally:
        child.close()
    assert text.replace("\r\n", "\n") == shown


def test_the_page_names_every_command() -> None:
    for command in (
        *("user list", "user show", "user add", "user disable", "user enable", "user delete", "user reset"),
        *("user logout", "invite create", "invite list", "invite revoke", "sessions"),
    ):
        assert f"{ADMIN.program} {command}" in PAGE
