"""Row C7: what the server keeps of a person, searched on its disk and in its memory while it runs."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.features.search import bytes_below, secrets_in
from tests.features.story import ROOM, SAID, WITNESS, Story
from tests.support.process_memory import memory_of, needs_memory
from tests.support.wire_client import client_id


def recode(encoding: str, secret: bytes) -> bytes:
    """As text of another width."""
    return secret.decode().encode(encoding)


def base64_behind(lead: bytes, secret: bytes) -> bytes:
    """In the middle of something that is base64."""
    return base64.b64encode(lead + secret + b"...")


HOLDER: Final = "import sys; held = sys.stdin.buffer.read(int(sys.argv[1])); print(flush=True); sys.stdin.buffer.read()"
SPELLED: Final[tuple[Callable[[bytes], bytes], ...]] = (
    bytes,
    *(partial(recode, encoding) for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")),
    lambda secret: secret.hex().encode(),
    lambda secret: secret.hex().upper().encode(),
    *(partial(base64_behind, lead) for lead in (b"", b"x", b"xy", b"xyz")),
    lambda secret: repr({"secret": secret}).encode(),
    lambda secret: json.dumps({"secret": secret.decode()}).encode(),
)


def test_c7_what_is_said_in_a_room_is_found_in_the_database(story: Story) -> None:
    said = {"what was said": SAID.encode()}
    for number in range(3):  # the newest may lie in the write-ahead log alone
        said[f"what was said later, {number}"] = f"{SAID} at {number}".encode()
        with story.team.wire(WITNESS) as witness:
            witness.post(ROOM, said[f"what was said later, {number}"].decode(), client_id(7, number))
    files = b"\n".join(path.read_bytes() for path in story.team.database.parent.glob("*.db*"))
    assert secrets_in(files, said) == list(said)


@needs_memory
def test_c7_not_a_passphrase_or_private_key_on_disk_or_in_memory(story: Story) -> None:
    team = story.team
    said = {"what was said": SAID.encode()}
    with team.wire(WITNESS) as witness:
        assert list(witness.pages(ROOM, 1, witness.open(ROOM).head))
        memory = b"\n".join(memory_of(team.server.pid))
    assert team.server.process.poll() is None
    disk = bytes_below(team.installation.data)
    assert secrets_in(disk, said), "the search of the disk finds nothing at all"
    assert secrets_in(memory, said), "the search of the memory finds nothing at all"
    assert len(story.kept_back) >= 8
    assert not secrets_in(disk, story.kept_back | story.sent)
    assert not secrets_in(memory, story.kept_back)
    talk = "".join(team.server.errors).encode()
    assert b"registration as alice" in talk, "nothing was written that could have held one"
    assert not secrets_in(talk, story.kept_back | story.sent)


@needs_memory
def test_a_secret_in_memory_is_found_however_it_is_spelled() -> None:
    secrets = {f"{number}": f"secret {number:03} of \u00fcbung".encode() for number in range(len(SPELLED))}
    held = b"\0".join(spell(secret) for spell, secret in zip(SPELLED, secrets.values(), strict=True))
    command = [sys.executable, "-c", HOLDER, str(len(held))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(held)
        process.stdin.flush()
        process.stdout.readline()
        memory = memory_of(process.pid)
    assert secrets_in(b"\n".join(memory), secrets) == list(secrets)


def test_a_secret_is_found_wherever_it_stands_and_however_short_it_is() -> None:
    for size in (7, 8, 14, 15, 16, 40):
        secret = bytes(range(0x80, 0x80 + size))
        for before in range(17):
            for behind in range(9):
                assert secrets_in(bytes(before) + secret + bytes(behind), {"it": secret}) == ["it"]
            assert secrets_in(bytes(before) + secret[:-1] + bytes(9), {"it": secret}) == []
