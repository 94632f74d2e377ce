"""A server's whole installation in a directory of its own, run as a real process on loopback."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final, Self

from secure_chat.certificates.pins import log_pin
from secure_chat.certificates.store import CertificateDirectory, load_server_identity, prepare
from secure_chat.limits import BCRYPT_COST_FLOOR, INVITE_HOURS, INVITE_TOKEN_BYTES
from secure_chat.names import skeleton
from secure_chat.protocol.authentication import invite_token_hash, resume_token_hash
from secure_chat.protocol.link import Link
from secure_chat.protocol.states import Role
from secure_chat.storage.entries import AnyEntry, CreateInvite, CreateRoom, JoinRoom, RegisterAccount
from secure_chat.storage.outcomes import LoggedIn, Refused
from secure_chat.storage.store import Store
from tests.support.people import TestPerson, make_person, shared_login
from tests.support.wire_client import PATIENCE_SECONDS, WireClient

HOST: Final = "127.0.0.1"
READY = re.compile(r"secure-chat-server ready (?P<address>\S+):(?P<port>\d+) pid=(?P<pid>\d+)")
SEED_BATCH = 500  # entries of one commit while people are seeded

# Tests are about other limits than these; those of rates have tests of their own.
UNHURRIED: Final = """\
[rates]
posts_per_second = 100000
posts_burst = 100000
joins_per_second = 100000
joins_burst = 100000
directs_per_second = 100000
directs_burst = 100000
acknowledgements_per_second = 100000
acknowledgements_burst = 100000
claims_per_minute = 100000
claims_burst = 100000
reads_per_second = 100000
reads_burst = 100000
logins_per_minute = 100000
logins_burst = 100000
registrations_per_hour = 100000
registrations_burst = 100000
"""


class Installation:
    """Certificates, settings and data below `directory`; people are seeded while no server runs."""

    def __init__(self, directory: Path, settings: str = UNHURRIED, *, io_threads: int = 1) -> None:
        self.directory = directory
        self.data = directory / "var"
        self.certificates = CertificateDirectory(directory / "certs")
        prepare(self.certificates, ["localhost", HOST], datetime.now(UTC))
        identity = load_server_identity(self.certificates.server_certificate, self.certificates.log_key)
        self.authority = identity.authority
        self.log_public_key = identity.log_public_key
        self.settings_file = directory / "secure-chat.toml"
        self._settings = settings
        self._io_threads = io_threads
        self.port = 0
        self.people: dict[str, TestPerson] = {}
        self.rooms: set[str] = set()
        self._write_settings()

    def _write_settings(self) -> None:
        self.settings_file.write_text(
            f'data = "{self.data}"\nname = "{HOST}"\n'
            f'[listen]\nhost = "{HOST}"\nport = {self.port}\n'
            f'[certificates]\ndirectory = "{self.certificates.path}"\n'
            f"[threads]\nio = {self._io_threads}\n"
            f"[login]\nbcrypt_cost = {BCRYPT_COST_FLOOR}\n" + self._settings,
            encoding="utf-8",
        )
        self.settings_file.chmod(0o600)

    def link(self, token: bytes = b"", *, port: int | None = None) -> str:
        """A link of this server; without a token only its address."""
        number = self.port if port is None else port
        return Link(HOST, number, self.authority, log_pin(self.log_public_key), token).format()

    def invite(self, role: Role = Role.MEMBER) -> bytes:
        """The token of a new invite, written while no server runs."""
        token = secrets.token_bytes(INVITE_TOKEN_BYTES)
        store = self._open_store()
        try:
            self._commit(store, [_invite(token, role)])
        finally:
            store.close()
        return token

    def seed(self, names: Sequence[str], rooms: Sequence[str] = (), *, role: Role = Role.MEMBER) -> list[TestPerson]:
        """Register `names` and make all of them members of `rooms`, as the journal would, without a server.

        A room that is there already is joined.
        """
        people = [make_person(name) for name in names]
        shared_secret, shared_hash = shared_login()
        for person in people:
            person.login_secret = shared_secret
        store = self._open_store()
        try:
            new_rooms = [room for room in rooms if room not in self.rooms]
            self._commit(store, [CreateRoom(None, room) for room in new_rooms])
            self.rooms.update(new_rooms)
            tokens = [secrets.token_bytes(INVITE_TOKEN_BYTES) for _ in people]
            self._commit(store, [_invite(token, role) for token in tokens])
            registrations = [_registration(*each, shared_hash) for each in zip(people, tokens, strict=True)]
            outcomes = self._commit(store, registrations)
            accounts = [outcome.account for outcome in outcomes if isinstance(outcome, LoggedIn)]
            assert len(accounts) == len(people)
            self._commit(store, [JoinRoom(account, room) for room in rooms for account in accounts])
        finally:
            store.close()
        self.people.update((person.name, person) for person in people)
        return people

    def _open_store(self) -> Store:
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            for name, content in _new_data().items():
                (self.data / name).touch(mode=0o600)
                (self.data / name).write_bytes(content)
        return Store.open(self.data, now_ms=_now_ms())

    def _commit(self, store: Store, entries: Sequence[AnyEntry]) -> list[object]:
        outcomes: list[object] = []
        for start in range(0, len(entries), SEED_BATCH):
            committed = store.commit(entries[start : start + SEED_BATCH], _now_ms())
            refused = [outcome for outcome in committed.outcomes if isinstance(outcome, Refused)]
            assert not refused, refused[0].error
            outcomes += committed.outcomes
        return outcomes

    def start(self) -> "ServerProcess":
        """Start the server; its port stays the same from the first start on."""
        server = ServerProcess(self)
        if self.port != server.port:
            self.port = server.port
            self._write_settings()
        return server

    def connect(self, *, port: int | None = None) -> WireClient:
        """A connection that has seen hello."""
        return WireClient(HOST, self.port if port is None else port, self.authority)

    def connect_as(self, name: str, *, port: int | None = None) -> WireClient:
        """A connection of a seeded person, logged in by the resume token."""
        client = self.connect(port=port)
        try:
            client.resume(self.people[name])
        except BaseException:
            client.close()
            raise
        return client


class ServerProcess:
    """A running server. It is stopped at the end of the `with` block whatever happens."""

    def __init__(self, installation: Installation) -> None:
        command = [sys.executable, "-m", "secure_chat.server.main", "run", "--config", str(installation.settings_file)]
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._collect, args=(self.process.stderr,), name="server-errors")
        self._reader.start()
        match = self._wait_for_ready(self.process.stdout)
        if match is None:
            self.kill()
            raise RuntimeError("the server did not start:\n" + "".join(self.errors))
        self.port = int(match["port"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.terminate() if kind is None else self.kill()
        self._finish()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def terminate(self) -> int:
        """Stop it as an operator does; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self._finish()
        return code

    def kill(self) -> None:
        """Stop it as a power cut does, as far as one process goes."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._finish()

    def resident_kib(self) -> int:
        """Resident memory, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        assert match is not None
        return int(match[1])

    def cpu_seconds(self) -> float:
        """User and system time so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def _wait_for_ready(self, stream: IO[str]) -> re.Match[str] | None:
        for line in stream:
            if match := READY.search(line):
                return match
        return None

    def _collect(self, stream: IO[str]) -> None:
        self.errors.extend(stream)

    def _finish(self) -> None:
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def _invite(token: bytes, role: Role) -> CreateInvite:
    return CreateInvite(invite_token_hash(token), "join", role, (), _now_ms() + INVITE_HOURS * 3_600_000)


def _registration(person: TestPerson, token: bytes, password_hash: bytes) -> RegisterAccount:
    return RegisterAccount(
        name=person.name,
        skeleton=skeleton(person.name),
        password_hash=password_hash,
        device_list=person.device_list.signed.encode(),
        signed_prekey=person.signed_prekey.published.encode(),
        device=person.device.device_id,
        counter=0,
        resume_token_hash=resume_token_hash(person.resume_token),
        token_hash=invite_token_hash(token),
    )


@lru_cache(maxsize=1)
def _new_data() -> dict[str, bytes]:
    """What a server's data begin with: making the tables takes longer than all that tests then write into them."""
    with TemporaryDirectory() as directory:
        Store.open(Path(directory), now_ms=_now_ms()).close()
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def _now_ms() -> int:
    return int(time.time() * 1000)
