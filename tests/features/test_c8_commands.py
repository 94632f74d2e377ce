"""Rows C8 to C10: the line client, the tool for certificates and the tool for administration, as they are installed."""

import contextlib
import copy
import shutil
import socket
import ssl
import threading
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Self

import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.store import CertificateDirectory, issue_server
from secure_chat.encoding import decode_base64url
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import Failure, Hello
from secure_chat.protocol.link import parse_link
from secure_chat_tools.certs.main import main as certs_main
from tests.architecture.source import ROOT
from tests.features.machine import Machine
from tests.features.search import bytes_below, secrets_in
from tests.features.team import ADMIN, SETTINGS, Team, give_profile, running_team
from tests.support.command import PATIENCE_SECONDS, serving
from tests.support.installation import HOST, Installation
from tests.support.people import make_person
from tests.support.scripted_server import ScriptedServer
from tests.support.wire_client import RefusedByServer, WireClient
from tests.tools.calls import Done, Tool

CERTS = Tool("secure-chat-certs", "secure_chat_tools.certs.main", certs_main)
SAID = "meet me at the eastern lighthouse"
NOT_SAID = "never leave this to an impostor"
ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23
RECORD_TYPES = {20, ALERT, HANDSHAKE, APPLICATION_DATA}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("commands"), ["alice", "walter"]) as made:
        yield made


def test_c8_the_line_client_talks_over_verified_tls_only(team: Team) -> None:
    assert is_installed("secure-chat", "secure_chat.client.main")
    alice = Machine(team.directory / "alice-behind-a-tap")
    with Tap((HOST, team.installation.port)) as tap:
        behind_it = copy.copy(team.installation)
        behind_it.port = tap.port
        give_profile(behind_it, team.installation.people["alice"], alice)
        talk_to_the_server(team, alice, tap)
        talk_to_no_impostor(team, alice, tap)
    secrets = {"what she said": SAID.encode(), "what she did not say": NOT_SAID.encode(), "her name": b"alice"}
    assert not secrets_in(tap.sent, secrets)


def talk_to_the_server(team: Team, alice: Machine, tap: "Tap") -> None:
    """Her words reach the server, and whoever sits in between has seen records of TLS alone."""
    with team.wire("walter") as walter, alice.at_terminal() as terminal:
        walter.open("lobby")
        terminal.expect_text(f"* connected to {HOST}:{tap.port}, TLS 1.3, certificate as invited\n")
        terminal.expect_text("#lobby >")
        terminal.enter(SAID)
        terminal.expect_text(f"alice: {SAID}\n")
        terminal.enter("/quit")
        assert terminal.end() == ExitCode.OK
    assert secrets_in(bytes_below(team.installation.data), {"what she said": SAID.encode()})
    types = record_types(tap.sent)
    assert (types[0], set(types) <= RECORD_TYPES) == (HANDSHAKE, True)
    assert APPLICATION_DATA in types


def talk_to_no_impostor(team: Team, alice: Machine, tap: "Tap") -> None:
    """Whoever answers in the server's place is sent nothing, even where the environment trusts him."""
    impostor = Installation(team.directory / "impostor").certificates
    for code, context in impostors(team, impostor).items():
        with ScriptedServer(context, team.installation.log_public_key) as server:
            tap.target = (HOST, server.port)
            try_in_vain(alice, code, impostor)
            assert server.ended.wait(PATIENCE_SECONDS)
            assert server.connections, f"{code}: nobody came"
            assert server.received == b"", f"{code}: the impostor was told something"
    tap.target, before = None, len(tap.sent)
    tap.says = encode(Hello(bytes(32), team.installation.log_public_key, "open"))
    try_in_vain(alice, "tls.failed", impostor)
    assert len(tap.sent) > before, "nobody came"
    assert set(record_types(tap.sent[before:])) <= {HANDSHAKE, ALERT}, "something was said to a server without TLS"


def impostors(team: Team, another: CertificateDirectory) -> dict[str, ssl.SSLContext]:
    """Servers that are not hers, each with the code of the error that she is told."""
    real = team.installation.certificates
    other_name = CertificateDirectory(team.directory / "other-name")
    shutil.copytree(real.path, other_name.path)
    issue_server(other_name, ["team.example.org"], 90, datetime.now(UTC))
    old = server_context(real.server_certificate, real.server_key)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    return {
        "tls.pin": server_context(another.server_certificate, another.server_key),
        "tls.name": server_context(other_name.server_certificate, other_name.server_key),
        "tls.failed": old,
    }


def try_in_vain(alice: Machine, code: str, impostor: CertificateDirectory) -> None:
    """The line client ends with the number of this error; so does a command that has something to say."""
    commands = [(), ("send", "-t", "#lobby", "-m", NOT_SAID)] if code == "tls.pin" else [()]
    for command in commands:
        with alice.at_terminal(*command, SSL_CERT_FILE=str(impostor.authority_certificate)) as terminal:
            assert terminal.end() == ExitCode.SERVER_IDENTITY, terminal.shown
            assert f"[{code}]" in terminal.shown
            assert "Nothing was sent." in " ".join(terminal.shown.split())
            assert "connected to" not in terminal.shown


def test_c9_the_certificate_tool_makes_what_the_server_needs(tmp_path: Path) -> None:
    assert is_installed(CERTS.program, CERTS.module)
    settings = tmp_path / "secure-chat.toml"
    settings.write_text(
        f'data = "{tmp_path / "var"}"\nname = "{HOST}"\n[certificates]\ndirectory = "{tmp_path / "certs"}"\n'
        f'[listen]\nhost = "{HOST}"\nport = 0\n'
    )
    settings.chmod(0o600)
    place = ("--dir", "certs")
    authority, _ = succeeded(CERTS.run_process(tmp_path, "init", *place, "--json")).objects
    succeeded(CERTS.run_process(tmp_path, "issue", "server", "--san", HOST, *place))
    succeeded(CERTS.run_process(tmp_path, "verify", *place))
    shutil.move(tmp_path / "certs" / "authority", tmp_path / "kept-elsewhere")  # the server does not need its key
    with serving(tmp_path, "run", "--config", str(settings)) as server:
        with WireClient(HOST, server.port, decode_base64url(authority["public_key"], 33)) as client:
            assert client.tls.version() == "TLSv1.3"
            first = client.leaf_hash
        shutil.move(tmp_path / "kept-elsewhere", tmp_path / "certs" / "authority")
        succeeded(CERTS.run_process(tmp_path, "issue", "server", *place))  # again, under the same names
        assert server.stop()[0] == ExitCode.OK
    with (
        serving(tmp_path, "run", "--config", str(settings)) as server,
        WireClient(HOST, server.port, decode_base64url(authority["public_key"], 33)) as client,
    ):
        assert client.leaf_hash != first


def test_c10_the_administration_tool_works_with_the_server_running_and_stopped(tmp_path: Path) -> None:
    assert is_installed(ADMIN.program, ADMIN.module)
    installation = Installation(tmp_path, SETTINGS)
    installation.seed(["bob", "carol"])

    def admin(*arguments: str) -> Done:
        call = ADMIN.run_process if "-v" in arguments else ADMIN.run
        return succeeded(call(tmp_path, "--config", str(installation.settings_file), *arguments))

    with installation.start():
        with installation.connect_as("bob") as bob, installation.connect_as("carol"):
            listed = admin("-v", "user", "list")
            assert "the running server" in listed.stderr
            assert state_of(listed, "bob") == ["member", "enabled", "yes"]
            admin("user", "disable", "bob", "--yes")
            bob.wait_until_closed()
            assert [said.id for said in bob.said if isinstance(said, Failure)] == [0]
            with installation.connect() as again, pytest.raises(RefusedByServer):
                again.login(installation.people["bob"])
            assert state_of(admin("user", "list"), "bob")[:2] == ["member", "disabled"]
        (while_running,) = admin("user", "add", "dave", "--json").objects
    listed = admin("-v", "user", "list")
    assert "the server is stopped" in listed.stderr
    assert state_of(listed, "bob") == ["member", "disabled", "no"]
    admin("user", "enable", "bob")
    admin("user", "delete", "carol", "--yes")
    (while_stopped,) = admin("invite", "create", "--room", "#lobby", "--json").objects
    with installation.start():
        with installation.connect() as bob:
            assert "lobby" in [room.room for room in bob.login(installation.people["bob"]).rooms]
        with installation.connect() as carol, pytest.raises(RefusedByServer):
            carol.login(installation.people["carol"])
        assert state_of(admin("user", "list"), "bob")[:2] == ["member", "enabled"]
        with installation.connect() as dave:
            dave.register(make_person("dave"), parse_link(while_running["link"]).token)
        joined = Machine(tmp_path / "newcomer").join(while_stopped["link"], "erin")
        assert joined.returncode == 0, joined.stderr


def is_installed(command: str, module: str) -> bool:
    """Whether an installation makes this command of the module's `main`."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return bool(scripts[command] == f"{module}:main" and callable(import_module(module).main))


def succeeded(done: Done) -> Done:
    """The same, if it did."""
    assert done.returncode == 0, done.stderr
    return done


def state_of(listed: Done, name: str) -> Sequence[str]:
    """Somebody's role, state, and whether online, in a list of people."""
    (row,) = [line.split() for line in listed.stdout.splitlines() if line.startswith(f"{name} ")]
    return row[1:4]


def record_types(stream: bytes) -> list[int]:
    """The types of the TLS records of which a stream consists (RFC 8446, 5.1); the last one may be cut off."""
    types: list[int] = []
    while stream:
        types.append(stream[0])
        stream = stream[5 + int.from_bytes(stream[3:5], "big") :]
    return types


class Tap:
    """A machine in between: passes connections on, one after another, and keeps every byte that a client sends.

    `target`: whom it passes them to; None: it answers itself, with `says`.
    """

    def __init__(self, target: tuple[str, int] | None) -> None:
        self.target = target
        self.says = b""
        self.sent = b""
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tap")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port)):
            pass
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client, contextlib.suppress(OSError):
                client.settimeout(PATIENCE_SECONDS)
                if self._stopping:
                    return
                if self.target is None:
                    client.sendall(self.says)
                    self._pass_on(client, None)
                    continue
                with socket.create_connection(self.target, timeout=PATIENCE_SECONDS) as server:
                    back = threading.Thread(target=self._pass_back, args=(server, client), name="tap-back")
                    back.start()
                    self._pass_on(client, server)
                    back.join()

    def _pass_on(self, client: socket.socket, server: socket.socket | None) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.sent += data
                if server is not None:
                    server.sendall(data)
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
