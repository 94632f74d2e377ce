"""Who may use secure-chat-admin, and that one process at a time works on a database."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import secure_chat.server.main
from secure_chat.exit_codes import ExitCode
from secure_chat.server.settings.paths import DataDirectory, socket_address
from secure_chat.storage.data_lock import DataLock
from tests.support.installation import READY, Installation
from tests.tools.calls import DEADLINE, Done, Tool, ended
from tests.tools.test_admin import ADMIN, link_in

NOBODY = 65534  # a user who owns nothing here
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    made.port = 7443
    settings = made.settings_file
    settings.write_text(settings.read_text("utf-8").replace("port = 0", "port = 7443"), "utf-8")
    made.seed(["alice", "bob"])
    return made


def admin(installation: Installation, *arguments: str) -> Done:
    return ADMIN.run(installation.directory, "--config", "secure-chat.toml", *arguments)


# --- one process at a time -----------------------------------------------------------------------


def test_a_database_that_another_process_keeps_is_left_alone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat_tools.admin.access.OFFLINE_LOCK_SECONDS", 0.2)
    lock = DataLock(installation.data)
    try:
        done = admin(installation, "user", "disable", "bob", "--yes")
    finally:
        lock.release()
    assert (done.returncode, done.stdout) == (ExitCode.RATE_LIMITED, "")
    assert "Another process works on the database in" in done.stderr
    assert "[storage.locked]" in done.stderr
    assert "secure-chat-server status" in done.stderr
    assert " enabled " in admin(installation, "user", "list").stdout.splitlines()[-1]


def test_a_database_that_becomes_free_is_waited_for(installation: Installation) -> None:
    lock = DataLock(installation.data)
    process = ADMIN.start(installation.directory, "--config", "secure-chat.toml", "user", "add", "carol")
    try:
        assert process.stderr is not None
        assert "waiting for it" in process.stderr.readline()
    finally:
        lock.release()
    assert link_in(ended(process)).token


def test_several_tools_at_once_take_turns(installation: Installation) -> None:
    call = ["--config", "secure-chat.toml", "invite", "create", "--json"]
    made = [ended(process) for process in [ADMIN.start(installation.directory, *call) for _ in range(4)]]
    assert [done.returncode for done in made] == [0] * 4
    numbers = {done.objects[0]["invite"] for done in made}
    assert numbers == {3, 4, 5, 6}


def test_a_server_that_starts_meanwhile_is_found(installation: Installation) -> None:
    installation.port = 0
    installation.settings_file.unlink()
    installation = Installation(installation.directory)
    lock = DataLock(installation.data)
    process = ADMIN.start(installation.directory, "--config", "secure-chat.toml", "-v", "user", "list")
    try:
        assert process.stderr is not None
        while "waiting for it" not in process.stderr.readline():
            pass
    finally:
        lock.release()
    with installation_server(installation):
        done = ended(process)
    assert done.returncode == 0
    assert "alice" in done.stdout


@contextmanager
def installation_server(installation: Installation) -> Iterator[None]:
    with installation.start():
        yield


# --- servers that do not answer ------------------------------------------------------------------


def test_a_server_that_says_nothing_is_no_server_that_is_stopped(installation: Installation) -> None:
    data = DataDirectory(installation.data)
    data.prepare()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with socket_address(data.control_socket) as address:
            listener.bind(address)
        listener.listen(1)

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        done = admin(installation, "user", "disable", "bob", "--yes")
        thread.join(DEADLINE)
    assert (done.returncode, done.stdout) == (ExitCode.NETWORK, "")
    assert "net.no_answer" in done.stderr


# --- users of this machine -----------------------------------------------------------------------


def test_a_directory_that_others_may_enter_is_not_used(installation: Installation) -> None:
    installation.data.chmod(0o755)
    done = admin(installation, "user", "list")
    assert (done.returncode, done.stdout) == (ExitCode.PERMISSION, "")
    assert f"chmod go= {installation.data}" in done.stderr


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user of this machine may enter."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def installed_at(place: Path) -> Installation:
    installation = Installation(place / "server")
    (place / "server").chmod(0o755)
    installation.seed(["alice", "bob"])
    return installation


def as_nobody(place: Path, *arguments: str) -> Done:
    return ADMIN.run_process(place, "--config", str(place / "server" / "secure-chat.toml"), *arguments, user=NOBODY)


@AS_ROOT
def test_another_user_gets_in_neither_while_the_server_runs_nor_while_it_is_stopped(open_place: Path) -> None:
    installation = installed_at(open_place)
    with installation.start():
        installation.settings_file.chmod(0o644)
        running = as_nobody(open_place, "user", "list")
        link = as_nobody(open_place, "invite", "create")
    stopped = as_nobody(open_place, "user", "disable", "bob", "--yes")
    for done in (running, link, stopped):
        assert (done.returncode, done.stdout) == (ExitCode.PERMISSION, "")
        assert "permission.denied" in done.stderr
        assert "run it as the server's user or as root" in done.stderr


@AS_ROOT
def test_the_server_itself_turns_other_users_away_where_its_directory_does_not(open_place: Path) -> None:
    installation = installed_at(open_place)
    with installation.start() as server:
        installation.settings_file.chmod(0o644)
        for path, mode in (("", 0o711), ("secure-chat.db", 0o600), ("run", 0o711), ("run/control.sock", 0o666)):
            (installation.data / path).chmod(mode)
        done = as_nobody(open_place, "user", "list")
        (installation.data).chmod(0o700)
        assert admin(installation, "user", "list").returncode == 0
    assert (done.returncode, done.stdout) == (ExitCode.PERMISSION, "")
    assert "This user may not administer this server. [permission.denied]" in done.stderr
    assert any(f"refused an operator's connection from user {NOBODY}" in line for line in server.errors)


@AS_ROOT
def test_root_administers_a_server_of_another_user_and_leaves_its_files_alone_while_it_is_stopped(
    open_place: Path,
) -> None:
    installation = installed_at(open_place)
    for path in [installation.directory, *installation.directory.rglob("*")]:
        shutil.chown(path, NOBODY, NOBODY)
    with server_of_nobody(installation):
        done = admin(installation, "invite", "create", "--json")
        assert done.returncode == 0, done.stderr
        assert admin(installation, "invite", "list", "--json").objects[0]["made_by"] == "root"
    stopped = admin(installation, "user", "list")
    assert (stopped.returncode, stopped.stdout) == (ExitCode.PERMISSION, "")
    assert "run this as that user" in stopped.stderr
    assert {path.stat().st_uid for path in installation.data.rglob("*")} == {NOBODY}


@contextmanager
def server_of_nobody(installation: Installation) -> Iterator[None]:
    """The server as a process of another user."""
    server = Tool("secure-chat-server", "secure_chat.server.main", secure_chat.server.main.main)
    settings = str(installation.settings_file)
    process = server.start(installation.directory, "run", "--quiet", "--config", settings, user=NOBODY)
    try:
        assert process.stdout is not None
        assert READY.search(process.stdout.readline())
        yield
    finally:
        process.terminate()
        assert ended(process).returncode == 0
