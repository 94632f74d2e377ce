"""A test that leaves a thread or a socket behind fails, and says what it left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

PLANTED = """
import socket, threading
from tests import conftest

conftest.LEAK_WAIT_SECONDS = {patience}
kept = []
never = threading.Event()

def test_planted():
    {body}
"""


def run(directory: Path, body: str, *, patience: float) -> subprocess.CompletedProcess[str]:
    """Run one test in a process of its own, under the fixtures of this project."""
    test = directory / "test_planted.py"
    test.write_text(PLANTED.format(patience=patience, body=body), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q", str(test)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("threading.Thread(target=never.wait, daemon=True, name='idle-writer').start()", "thread 'idle-writer'"),
        ("kept.append(socket.create_server(('127.0.0.1', 0)))", "AF_INET bound to ('127.0.0.1', "),
        ("kept.append(socket.socketpair())", "AF_UNIX bound to ''"),
    ],
)
def test_what_a_test_leaves_behind_fails_it(tmp_path: Path, body: str, left: str) -> None:
    done = run(tmp_path, body, patience=0.2)
    assert done.returncode == 1
    assert "left behind: " in done.stdout
    assert left in done.stdout


@pytest.mark.parametrize(
    "body",
    [
        "threading.Thread(target=never.wait, args=(0.05,)).start()",  # ends by itself, a little later
        "socket.create_server(('127.0.0.1', 0)).close()",
        "pass",
    ],
)
def test_what_has_ended_soon_after_a_test_does_not_fail_it(tmp_path: Path, body: str) -> None:
    done = run(tmp_path, body, patience=60)
    assert done.returncode == 0, done.stdout + done.stderr
