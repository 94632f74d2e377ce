"""One person's story on one server, told by real programs; its secrets are known, so that they can be looked for."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.profiles import Profiles
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.wraps import VAULT_TAG, Header
from secure_chat.names import prepare_passphrase
from secure_chat.protocol.link import parse_link
from tests.features.machine import Machine
from tests.features.team import Team
from tests.support.wire_client import client_id
from tests.tools.calls import Done, ended

NAME: Final = "alice"
WITNESS: Final = "walter"
ROOM: Final = "dev"
PASSPHRASE: Final = "first seventeen herons, then a kettle"
WRONG_PASSPHRASE: Final = "never a passphrase of anybody here"
SAID: Final = "meet me at the eastern lighthouse"
LOGIN_KDF: Final = 1  # the row of the table that all logins use


@dataclass(slots=True)
class Story:
    """What alice did, in order, and what must not be found. Her machine is left as she left it."""

    team: Team
    machine: Machine
    done: dict[str, Done] = field(default_factory=dict)  # by what was done
    kept_back: dict[str, bytes] = field(default_factory=dict)  # secrets that never leave her machine
    sent: dict[str, bytes] = field(default_factory=dict)  # secrets that the server is shown and does not keep


def tell(team: Team) -> Story:
    """Join, log out, log in; elsewhere somebody tries a wrong passphrase, and somebody says something in a room."""
    machine = Machine(team.directory / f"home-of-{NAME}", PASSPHRASE)
    story = Story(team, machine)
    link = team.invite()
    story.done["join"] = machine.join(link, NAME)
    story.sent["invite token"] = parse_link(link).token
    elsewhere = team.empty_machine("somebody-else")
    wrong = ("login", team.installation.link())
    with elsewhere.started(*wrong, typed=f"{NAME}\n{WRONG_PASSPHRASE}\n", at_hand=False) as process:
        story.done["logout"] = machine.run("logout")
        story.done["login"] = machine.run("login", typed=f"{NAME}\n{PASSPHRASE}\n", at_hand=False)
        story.done["wrong login"] = ended(process)
    story.kept_back["wrong passphrase"] = WRONG_PASSPHRASE.encode()
    _note_secrets(story)
    with team.wire(WITNESS) as witness:
        witness.post(ROOM, SAID, client_id(1, 1))
    return story


def _note_secrets(story: Story) -> None:
    """Open her vault as she does, and note what it holds."""
    profile = Profiles(story.machine.data).choose()
    with profile.acquire() as locked, locked.unlock(PASSPHRASE) as vault:
        account, device = login_state.account(vault), login_state.own_device(vault).keys
        prekey = login_state.newest_signed_prekey(vault).secret
        story.kept_back |= {
            "passphrase": PASSPHRASE.encode(),
            "identity seed": vault.unlock_identity(PASSPHRASE),
            "device signing seed": device.signing_seed,
            "device agreement key": device.dh_secret,
            "prekey agreement key": prekey.dh_secret,
            "prekey seed": prekey.kem_seed,
        }
        token = login_state.resume_tokens(vault).current
    with closing(sqlite3.connect(profile.directory / location.DATABASE_NAME)) as database:
        (header,) = database.execute("SELECT content FROM header WHERE name = ?", (VAULT_TAG,)).fetchone()
    story.kept_back["vault key"], _ = Header.decode(header).open(VAULT_TAG, prepare_passphrase(PASSPHRASE))
    assert token is not None
    story.sent["resume token"] = token
    for which, passphrase in (("login secret", PASSPHRASE), ("wrong login secret", WRONG_PASSPHRASE)):
        story.sent[which] = derive_login_secret(passphrase, account.server_id, account.name, row=LOGIN_KDF)
