"""`secure-chat demo`: a room message is found at the server, a direct one is not, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secure_chat.client.one_shot.demo import ANSWER, IN_PRIVATE, IN_THE_ROOM
from secure_chat.exit_codes import ExitCode
from tests.support.command import PATIENCE_SECONDS, home
from tests.support.terminal import CLIENT

WHOLE_STORY_SECONDS = 4 * PATIENCE_SECONDS  # a server and some ten commands, one after the other
NOWHERE = "the words are in none of its files"


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demonstration under way; what it makes for a while lies below `directory`."""
    process = subprocess.Popen(
        [*CLIENT, "demo", *arguments],
        env=home(directory, TMPDIR=str(directory), PYTHONPATH=os.pathsep.join(sys.path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # and let it end what it has started
        process.communicate(timeout=PATIENCE_SECONDS)


def processes_below(directory: Path) -> list[str]:
    """Processes that work in a directory of a demonstration."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            place = each.readlink()
        except OSError:
            continue
        if place.is_relative_to(directory):
            found.append(str(place))
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, str, Path]:
    """A whole demonstration: exit code, standard output, standard error, where it was."""
    directory = tmp_path_factory.mktemp("demo")
    with demo(directory) as process:
        output, errors = process.communicate(timeout=WHOLE_STORY_SECONDS)
    return process.returncode, output, errors, directory


def test_the_room_message_is_found_at_the_server_and_neither_direct_message_is(
    told: tuple[int, str, str, Path],
) -> None:
    code, output, errors, _ = told
    assert code == ExitCode.OK, errors
    _, room, message, answer = output.split("\n\n", 4)[:4]
    assert room.count(IN_THE_ROOM) == 3  # typed, read by bob, found at the server
    assert NOWHERE not in room
    for part, text in ((message, IN_PRIVATE), (answer, ANSWER)):
        assert part.count(text) == 2  # typed, and read by the other
        assert part.count(NOWHERE) == 1
    assert "an envelope of 2,067 bytes waits" in message
    assert "no envelope" in message
    assert "alice to bob, 2,067 bytes" in answer
    assert "bob to alice, 923 bytes" in answer


def test_what_takes_long_is_said_before_it_begins(told: tuple[int, str, str, Path]) -> None:
    place, starts, runs, joins = told[1].splitlines()[:4]
    assert str(told[3]) in place
    assert starts.startswith("A server starts on this machine")
    assert runs.startswith("A server runs. alice joins")
    assert joins.startswith("bob joins by alice's invite")


def test_nothing_is_left_of_it(told: tuple[int, str, str, Path]) -> None:
    assert list(told[3].iterdir()) == []


def test_with_json_each_line_is_an_object(tmp_path: Path) -> None:
    with demo(tmp_path, "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
    assert first["type"] == "demo"
    assert str(tmp_path) in first["text"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "line"),
    [(signal.SIGINT, "A server runs"), (signal.SIGTERM, "Everything"), (signal.SIGHUP, "Everything")],
)
def test_a_demonstration_that_is_interrupted_leaves_no_file_and_no_process(
    tmp_path: Path, number: signal.Signals, line: str
) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(line):
            pass
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
    assert processes_below(tmp_path) == []
