"""One person's story on one server, told by real programs; its secrets are known, so that they can be looked for."""

from dataclasses import dataclass, field
from typing import Final

from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.profiles import Profiles
from secure_chat.client.vault import login_state
from secure_chat.protocol.link import parse_link
from tests.features.machine import Machine
from tests.features.own_secrets import secrets_of
from tests.features.team import Team
from tests.support.cheap_client import vaults_below_the_floor
from tests.support.client_people import cheap_login_derivation
from tests.support.running_core import eventually
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
    failed = f"failed login as {NAME}"
    eventually(  # the log has a thread of its own, which may be behind
        lambda: failed in team.log and failed in "".join(team.server.errors), "the failed login is logged"
    )
    _note_secrets(story)
    with team.wire(WITNESS) as witness:
        witness.post(ROOM, SAID, client_id(1, 1))
    return story


def _note_secrets(story: Story) -> None:
    """What her vault holds, and what of it the server is shown."""
    story.kept_back |= secrets_of(story.machine, PASSPHRASE)
    with (
        vaults_below_the_floor(),
        Profiles(story.machine.data).choose().acquire() as locked,
        locked.unlock(PASSPHRASE) as vault,
    ):
        account, token = login_state.account(vault), login_state.resume_tokens(vault).current
    assert token is not None
    story.sent["resume token"] = token
    for which, passphrase in (("login secret", PASSPHRASE), ("wrong login secret", WRONG_PASSPHRASE)):
        with cheap_login_derivation():
            story.sent[which] = derive_login_secret(passphrase, account.server_id, account.name, row=LOGIN_KDF)
