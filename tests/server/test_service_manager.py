"""What the service manager is told."""

import socket
from pathlib import Path

import pytest

from secure_chat.server.service_manager import VARIABLE, notify
from tests.support.installation import Installation
from tests.support.wire_client import PATIENCE_SECONDS


def test_the_state_arrives_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("name", ["", "relative", "/nobody/is/here"])
def test_nobody_to_be_told_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    notify("READY=1")


def test_a_server_says_that_it_is_ready_and_that_it_stops(
    core_installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_SECONDS)
        monkeypatch.setenv(VARIABLE, str(tmp_path / "notify"))
        with core_installation.start() as process:
            assert manager.recv(100) == b"READY=1"
            assert process.terminate() == 0
            assert manager.recv(100) == b"STOPPING=1"
