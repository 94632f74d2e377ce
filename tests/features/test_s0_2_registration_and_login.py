"""Row S0.2: a person registers with a name and a passphrase, and logs in with them; nobody keeps the passphrase."""

import base64
import hashlib
import re
import sqlite3
from contextlib import closing

import bcrypt

from secure_chat.protocol.authentication import bcrypt_input
from tests.features.search import bytes_below, secrets_in
from tests.features.story import NAME, SAID, WRONG_PASSPHRASE, Story

SLOWEST_OF_FAST = 10  # below 2^10 rounds bcrypt is no slow hash any more


def test_s0_2_a_person_registers_and_later_logs_in(story: Story) -> None:
    joined, logged_in = story.done["join"], story.done["login"]
    assert joined.returncode == 0, joined.stderr
    assert "Joined as alice. Rooms: #lobby" in joined.stderr
    assert re.search(r"Recovery key \(write it down\): [0-9A-Z]{4}(-[0-9A-Z]{4}){13}\n", joined.stdout)
    assert "is logged out on this device" in story.done["logout"].stderr
    assert logged_in.returncode == 0, logged_in.stderr
    assert "Logged in as alice. Rooms: #lobby" in logged_in.stderr
    refused = story.machine.run("login", typed=f"{NAME}\n{WRONG_PASSPHRASE}\n", at_hand=False)
    assert (refused.returncode, "[vault.passphrase]" in refused.stderr) == (5, True)


def test_s0_2_a_taken_name_is_refused_with_a_message(story: Story) -> None:
    machine = story.team.empty_machine("another-alice")
    refused = machine.join(story.team.invite(), NAME)
    assert refused.returncode == 2
    assert "The name alice is taken. [name.taken]\n  choose another name\n" in refused.stderr
    assert not list(machine.data.glob("profiles/*/")), "nothing half-made stays"


def test_s0_2_not_a_passphrase_kept_plain_or_under_a_fast_hash(story: Story) -> None:
    with closing(sqlite3.connect(story.team.database)) as database:
        ((kept,),) = database.execute("SELECT password_hash FROM accounts WHERE name = ?", (NAME,)).fetchall()
    match = re.fullmatch(rb"\$2b\$(\d\d)\$[./A-Za-z0-9]{53}", kept)
    assert match is not None, "not bcrypt"
    assert int(match[1]) >= SLOWEST_OF_FAST
    assert bcrypt.checkpw(bcrypt_input(story.sent["login secret"]), kept)
    on_disks = {
        "the server's": bytes_below(story.team.installation.data),
        "her own": bytes_below(story.machine.home, *story.machine.home.glob("*passphrase")),  # those are hers to keep
    }
    assert secrets_in(on_disks["the server's"], {"what was said": SAID.encode()}), "the search finds nothing at all"
    secrets = {
        name: secret for name, secret in (story.kept_back | story.sent).items() if "pass" in name or "login" in name
    }
    assert len(secrets) == 4
    for place, disk in on_disks.items():
        assert not secrets_in(disk, secrets), place
        for name, secret in secrets.items():
            assert not secrets_in(disk, fast_hashes(secret)), f"{place}: {name}"


def fast_hashes(secret: bytes) -> dict[str, bytes]:
    """Under every unkeyed hash of this machine, of the secret and of its text form."""
    forms = {"": secret, " as hexadecimal": secret.hex().encode(), " as base64": base64.b64encode(secret)}
    return {
        f"{algorithm}{form}": hashlib.new(algorithm, data, usedforsecurity=False).digest()
        for algorithm in sorted(hashlib.algorithms_guaranteed)
        if not algorithm.startswith("shake")
        for form, data in forms.items()
    }


def test_s0_2_not_a_passphrase_in_a_log(story: Story) -> None:
    logs = {"the log file": story.team.log, "standard error": "".join(story.team.server.errors)}
    logs |= {f"what {what} printed": done.stdout + done.stderr for what, done in story.done.items()}
    secrets = {
        name: secret for name, secret in (story.kept_back | story.sent).items() if "pass" in name or "login" in name
    }
    assert len(secrets) == 4
    for place, text in logs.items():
        assert not secrets_in(text.encode(), secrets), place
    assert "failed login as alice" in logs["the log file"], "nothing was logged that could have held one"
    assert "failed login as alice" in logs["standard error"]
