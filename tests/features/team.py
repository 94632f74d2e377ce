"""A team for the tests of features: a server in its own process, its operator, and people at their own machines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from secure_chat.certificates.pins import server_id
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profiles import Profiles, VaultOptions
from secure_chat.client.vault import login_state
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.client.vault.records import Account, OwnDevice
from secure_chat.protocol.states import Role
from secure_chat_tools.admin.main import main as admin_main
from tests.features.machine import Machine
from tests.support.cheap_client import below_the_floor, vaults_below_the_floor
from tests.support.installation import HOST, UNHURRIED, Installation, ServerProcess
from tests.support.people import TestPerson
from tests.support.wire_client import WireClient
from tests.tools.calls import Done, Tool

ADMIN: Final = Tool("secure-chat-admin", "secure_chat_tools.admin.main", admin_main)
# Who leaves is gone at once, and the log says all that it ever says.
SETTINGS: Final = UNHURRIED + '[presence]\ngrace_seconds = 0\n[log]\nlevel = "debug"\n'


class Team:
    """One installation, its server running. Somebody is at a machine or on the wire: one device is in one place."""

    def __init__(self, installation: Installation, server: ServerProcess) -> None:
        self.installation = installation
        self.server = server
        self._machines: dict[str, Machine] = {}

    @property
    def directory(self) -> Path:
        """Below which everything lies."""
        return self.installation.directory

    @property
    def database(self) -> Path:
        """The server's database."""
        return self.installation.data / "secure-chat.db"

    @property
    def log(self) -> str:
        """The server's log file as it is now."""
        return (self.installation.data / "log" / "app.log").read_text(encoding="utf-8")

    def machine(self, name: str) -> Machine:
        """The machine of a seeded person, who has joined there."""
        if name not in self._machines:
            self._machines[name] = self.empty_machine(name)
            give_profile(self.installation, self.installation.people[name], self._machines[name])
        return self._machines[name]

    def empty_machine(self, name: str) -> Machine:
        """A machine on which nobody has joined."""
        return Machine(self.directory / f"home-of-{name}")

    def wire(self, name: str) -> WireClient:
        """A seeded person on the wire, logged in."""
        return self.installation.connect_as(name)

    def admin(self, *arguments: str) -> Done:
        """A command of the operator, which must succeed."""
        done = ADMIN.run(self.directory, "--config", str(self.installation.settings_file), *arguments)
        assert done.returncode == 0, done.stderr
        return done

    def invite(self, *arguments: str) -> str:
        """A link by which somebody joins; made by the operator's tool."""
        command = ("user", "add", *arguments) if arguments else ("invite", "create")
        (made,) = self.admin(*command, "--json").objects
        return str(made["link"])


@contextmanager
def running_team(
    directory: Path,
    names: Sequence[str],
    rooms: Sequence[str] = (),
    *,
    administrators: Sequence[str] = (),
    outsiders: Sequence[str] = (),
    settings: str = SETTINGS,
) -> Iterator[Team]:
    """A team until the end of the block. All are members of #lobby, and all but the outsiders of `rooms`."""
    installation = Installation(directory, settings, io_threads=2)
    installation.seed(names, rooms)
    if outsiders:
        installation.seed(outsiders)
    if administrators:
        installation.seed(administrators, rooms, role=Role.ADMINISTRATOR)
    with installation.start() as server:
        yield Team(installation, server)


def give_profile(installation: Installation, person: TestPerson, machine: Machine) -> None:
    """Put a complete profile of a seeded person on a machine, as `join` does, with the cheapest vault."""
    account = Account(
        user_id=person.user_id,
        name=person.name,
        host=HOST,
        port=installation.port,
        authority=installation.authority,
        server_id=server_id(installation.authority),
        log_key=installation.log_public_key,
    )
    device = OwnDevice(person.device, person.device_list.signed.encode())
    new = NewVault(account, device, person.signed_prekey, person.identity)
    with (
        vaults_below_the_floor(),
        ProfileDraft(_profiles(machine), person.name, HOST, installation.port) as draft,
        draft.commit_vault(machine.passphrase, new) as vault,
    ):
        login_state.keep_token(vault, person.resume_token)
        draft.complete()


def _profiles(machine: Machine) -> Profiles:
    return Profiles(machine.data, VaultOptions(cost=below_the_floor()))
