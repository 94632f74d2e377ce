"""Two people write each other, through all that happens to accounts, on real programs; what was secret is known."""

from dataclasses import dataclass, field, replace
from typing import Final

from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.link import parse_link
from tests.features.machine import Machine
from tests.features.own_secrets import secrets_of
from tests.features.team import Team
from tests.support.process_memory import memory_of
from tests.support.tls_recorder import TlsRecorder

ALICE: Final = "alice"
BOB: Final = "bob"
IN_THE_ROOM: Final = "the regatta begins at the old pier"
TEXTS: Final = {
    "while both are there": "the blue door, third floor, knock twice",
    "the answer": "I shall bring the \u00fcberfl\u00fcssige umbrella",
    "while bob is away": "the spare key hangs behind the barometer",
    "after the passphrase was changed": "seven o'clock suits the whole orchestra",
    "held until the new key was accepted": "do not tell the harbour master",
    "after the key was changed": "the parrot has learned a new word",
}
PASSPHRASES: Final = {
    "alice's passphrase": "nineteen otters in a bathtub",
    "alice's new passphrase": "forty hedgehogs under the piano",
    "bob's passphrase": "a grey umbrella for every tuesday",
    "bob's second passphrase": "eleven lanterns along the quay",
}


@dataclass(slots=True)
class DirectStory:
    """What happened, and what must be nowhere but on the two people's machines."""

    team: Team
    recorder: TlsRecorder
    alice: Machine
    bob: Machine
    new_bob: Machine
    secrets: dict[str, bytes] = field(default_factory=dict)
    memories: list[list[bytes]] = field(default_factory=list)  # of the server, at several moments
    read: dict[str, str] = field(default_factory=dict)  # what a person's screen showed of each text

    def behind_recorder(self, link: str) -> str:
        """The same link by way of the recorder."""
        return replace(parse_link(link), port=self.recorder.port).format()

    def note(self, whose: str, machine: Machine) -> None:
        """What that machine's vault holds now; `whose` is another one each time, for chains move on."""
        known = set(self.secrets.values())
        found = secrets_of(machine, machine.passphrase)
        self.secrets |= {f"{whose}: {what}": secret for what, secret in found.items() if secret not in known}


def tell(team: Team, recorder: TlsRecorder) -> DirectStory:
    """Join, a room, messages both ways, one to somebody away; another passphrase, another key, an account's end."""
    alice, bob, new_bob = (
        Machine(team.directory / f"home-of-{name}", PASSPHRASES[f"{whose} passphrase"])
        for name, whose in ((ALICE, "alice's"), (BOB, "bob's"), ("bob-again", "bob's second"))
    )
    story = DirectStory(team, recorder, alice, bob, new_bob)
    story.secrets |= {f"text {when}": text.encode() for when, text in TEXTS.items()}
    story.secrets |= {which: passphrase.encode() for which, passphrase in PASSPHRASES.items()}
    _join(story)
    _write_each_other(story)
    _write_to_somebody_away(story)
    _change_the_passphrase(story)
    _change_the_key(story)
    team.admin("user", "disable", BOB, "--yes")
    story.memories.append(memory_of(team.server.pid))
    return story


def _join(story: DirectStory) -> None:
    joined = story.alice.join(story.behind_recorder(story.team.invite()), ALICE)
    assert joined.returncode == ExitCode.OK, joined.stderr
    link = story.alice.done("invite").stdout.strip()
    inviter = parse_link(link).inviter
    assert inviter is not None
    story.secrets["the invite's secret"] = inviter.secret
    joined = story.bob.join(link, BOB)
    assert joined.returncode == ExitCode.OK, joined.stderr
    story.note("alice", story.alice)
    story.note("bob", story.bob)
    story.alice.done("send", "-t", "#lobby", "-m", IN_THE_ROOM)


def _write_each_other(story: DirectStory) -> None:
    together, answer = TEXTS["while both are there"], TEXTS["the answer"]
    with story.bob.at_terminal() as bob:
        bob.expect_text("#lobby >")
        story.alice.done("send", "-t", BOB, "-m", together)
        bob.expect_text(together)
        story.read["while both are there"] = bob.shown
        bob.enter(f"/msg {ALICE} {answer}")
        bob.expect(f"end-to-end.*{BOB}: ")  # accepted: the server has it
        bob.enter("/quit")
        assert bob.end() == ExitCode.OK
    story.read["the answer"] = story.alice.done("read", "-t", BOB).stdout
    story.note("alice after the answer", story.alice)


def _write_to_somebody_away(story: DirectStory) -> None:
    story.note("bob before he is away", story.bob)
    story.alice.done("send", "-t", BOB, "-m", TEXTS["while bob is away"])
    story.note("alice while bob is away", story.alice)
    story.memories.append(memory_of(story.team.server.pid))
    story.read["while bob is away"] = story.bob.done("read", "-t", ALICE).stdout


def _change_the_passphrase(story: DirectStory) -> None:
    new = PASSPHRASES["alice's new passphrase"]
    file = story.alice.home / "new-passphrase"
    file.write_text(f"{new}\n", encoding="utf-8")
    file.chmod(0o600)
    changed = story.alice.run("passwd", "--new-passphrase-file", str(file))
    assert changed.returncode == ExitCode.OK, changed.stderr
    story.alice.passphrase = new
    story.alice.passphrase_file.write_text(f"{new}\n", encoding="utf-8")
    story.alice.done("send", "-t", BOB, "-m", TEXTS["after the passphrase was changed"])
    story.note("alice with her new passphrase", story.alice)
    story.read["after the passphrase was changed"] = story.bob.done("read", "-t", ALICE).stdout


def _change_the_key(story: DirectStory) -> None:
    """The operator resets bob; without the recovery key he has another identity, and what alice writes is held."""
    (reset,) = story.team.admin("user", "reset", BOB, "--yes", "--json").objects
    new = story.new_bob.passphrase
    typed = [story.behind_recorder(str(reset["link"])), BOB, "", new, new]  # no recovery key
    joined = story.new_bob.run("join", "--once", typed="".join(f"{line}\n" for line in typed), at_hand=False)
    assert joined.returncode == ExitCode.OK, joined.stderr
    held = TEXTS["held until the new key was accepted"]
    refused = story.alice.call("send", "-t", BOB, "-m", held)
    assert refused.returncode == ExitCode.RECIPIENT_KEY, refused.stderr
    with story.alice.at_terminal() as alice:
        alice.expect("has a new key")
        alice.enter(f"/trust {BOB}")
        alice.expect("To accept the new key")  # he was verified by the invite
        alice.enter(BOB)
        alice.expect_text("is accepted")
        alice.expect(f"end-to-end.*{held}")
        alice.enter(f"/msg {BOB} {TEXTS['after the key was changed']}")
        alice.expect(f"end-to-end.*{ALICE}: {TEXTS['after the key was changed']}")
        alice.enter("/quit")
        assert alice.end() == ExitCode.OK
    shown = story.new_bob.done("read", "-t", ALICE).stdout
    story.read["held until the new key was accepted"] = story.read["after the key was changed"] = shown
    story.note("alice later", story.alice)
    story.note("bob again", story.new_bob)
