"""Row S0.7: `/quit` and `!exit`, Ctrl-D and Ctrl-C all leave cleanly; nobody ever sees a traceback."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.protocol import events as e
from tests.features.machine import CLIENT
from tests.features.team import Team, running_team
from tests.support.pseudo_terminal import TerminalProcess
from tests.support.running_core import eventually
from tests.support.wire_client import WireClient

CTRL_C, CTRL_D = "\x03", "\x04"
PEOPLE = [f"person{number}" for number in range(9)]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("leaving"), ["walter", "extra", *PEOPLE, *WITH_PROFILE]) as made:
        yield made


def leave(team: Team, ways: dict[str, tuple[Callable[[TerminalProcess], None], int]]) -> None:
    """Each in a way of his own, with the exit code that belongs to it; the others are told of each."""
    with ExitStack() as stack, team.wire("walter") as walter:
        walter.open("lobby")
        people = dict(zip(PEOPLE, ways.items(), strict=False))
        terminals = {name: stack.enter_context(team.machine(name).at_terminal()) for name in people}
        for name, (way, (go, code)) in people.items():
            terminal = terminals[name]
            terminal.expect_text("#lobby >")
            assert not terminal.echoes(), "the line client draws what is typed itself"
            go(terminal)
            terminal.expect_text(f"* left 127.0.0.1:{team.installation.port}\n")
            assert terminal.end() == code, way
            assert terminal.echoes(), f"{way}: what is typed next would not be seen"
            wait_until_gone(walter, name)
            wait_until_logged(team, f"{name} has left (closed)")  # the server was told


def wait_until_logged(team: Team, words: str) -> None:
    """The log has a thread of its own, which may be behind."""
    eventually(lambda: words in team.log, f"the log says {words!r}")


def wait_until_gone(witness: WireClient, name: str) -> None:
    """Somebody is said to be offline."""
    witness.wait(lambda said: isinstance(said, e.Presence) and name in said.offline)


def test_s0_7_quit_and_exit_leave_cleanly(team: Team) -> None:
    leave(
        team,
        {
            "/quit": (lambda terminal: terminal.enter("/quit"), 0),
            "/exit": (lambda terminal: terminal.enter("/exit"), 0),
            "!exit": (lambda terminal: terminal.enter("!exit"), 0),
        },
    )


def test_s0_7_end_of_input_and_interrupt_leave_cleanly(team: Team) -> None:
    leave(
        team,
        {
            "Ctrl-D": (lambda terminal: terminal.type(CTRL_D), 0),
            "Ctrl-C": (interrupt_twice, 130),
            "Ctrl-C after some words": (interrupt_a_sentence, 130),
        },
    )
    piped = team.machine("extra").run(typed="said from a pipe\n")  # whose end is the end of the input
    assert (piped.returncode, "#lobby extra: said from a pipe" in piped.stdout) == (0, True)
    assert "* left" in piped.stdout


def interrupt_twice(terminal: TerminalProcess) -> None:
    """One might have been meant for something else."""
    terminal.type(CTRL_C)
    terminal.expect_text("once more Ctrl-C, or /quit, to leave")
    terminal.type(CTRL_C)


def interrupt_a_sentence(terminal: TerminalProcess) -> None:
    """The first one throws it away."""
    terminal.type("half a sentence")
    terminal.expect_text("half a sentence")
    terminal.type(CTRL_C)
    terminal.type(CTRL_C)


@dataclass(frozen=True)
class Moment:
    """An awkward one to leave at. `ready`: what is shown when it has come; `leave`: how."""

    what: str
    ready: str
    leave: Callable[[TerminalProcess], None]
    code: int
    arguments: tuple[str, ...] = ()
    has_profile: bool = True
    at_hand: bool = True  # the passphrase
    term: str = "xterm"


def press(keys: str) -> Callable[[TerminalProcess], None]:
    return lambda terminal: terminal.type(keys)


def send(number: signal.Signals) -> Callable[[TerminalProcess], None]:
    return lambda terminal: terminal.signal(number)


MOMENTS = [
    Moment("asked for the passphrase", "Passphrase of", press(CTRL_C), 130, at_hand=False),
    Moment("asked for it, the input ends", "Passphrase of", press(CTRL_D), 130, at_hand=False),
    Moment("told to end", "#lobby >", send(signal.SIGTERM), 130),
    Moment("told to end at a plain terminal", "you are", send(signal.SIGTERM), 130, term="dumb"),
    Moment("Ctrl-D at a plain terminal", "you are", press(CTRL_D), 0, term="dumb"),
    Moment("reading", "joined", press(CTRL_C), 130, ("read", "--follow")),
    Moment("typing a text to send", "", press(CTRL_C), 130, ("send", "-t", "#lobby")),
    Moment("changing the passphrase", "Passphrase: ", press(CTRL_C), 130, ("passwd",)),
    Moment("asked for the link", "Invite link: ", press(CTRL_C), 130, ("join",), has_profile=False, at_hand=False),
    Moment("asked for the name", "User name", press(CTRL_C), 130, ("join", "LINK"), has_profile=False, at_hand=False),
    Moment(
        "asked for a new passphrase",
        "Passphrase: ",
        press(CTRL_C),
        130,
        ("join", "LINK", "--name", "newcomer"),
        has_profile=False,
        at_hand=False,
    ),
]
WITH_PROFILE = [f"moment{number}" for number, moment in enumerate(MOMENTS) if moment.has_profile]


def test_s0_7_not_a_traceback(team: Team, tmp_path: Path) -> None:
    link = team.invite()
    with ExitStack() as stack:
        started = []
        for number, moment in enumerate(MOMENTS):
            name = f"moment{number}"
            machine = team.machine(name) if moment.has_profile else team.empty_machine(name)
            arguments = [link if argument == "LINK" else argument for argument in moment.arguments]
            terminal = machine.at_terminal(*arguments, at_hand=moment.at_hand, term=moment.term)
            started.append((moment, machine, stack.enter_context(terminal)))
        for moment, machine, terminal in started:
            terminal.expect_text(moment.ready)
            moment.leave(terminal)
            no_traceback(terminal, moment.what, moment.code)
            assert moment.has_profile or not list(machine.data.glob("profiles/*/")), f"{moment.what}: half-made"
    machine = team.machine("moment0")
    command = f"{shlex.join(CLIENT)} history '#lobby' -n all | true"
    with TerminalProcess(["sh", "-c", command], machine.environment(), machine.home) as terminal:
        no_traceback(terminal, "nobody reads what it prints", 0)
    leave_without_a_server(tmp_path)


def leave_without_a_server(directory: Path) -> None:
    """It has crashed: one has a line that waits, one reads, one comes when nobody answers."""
    with (
        running_team(directory, ["alice", "bob"]) as team,
        team.machine("alice").at_terminal() as alice,
        team.machine("bob").at_terminal("read", "--follow") as bob,
    ):
        alice.expect_text("#lobby >")
        bob.expect_text("joined")
        team.server.kill()
        alice.expect_text("(offline")
        alice.enter("nobody hears this")
        alice.expect_text("waits to be sent")
        alice.enter("/quit")
        alice.expect_text("1 line was not sent:")
        no_traceback(alice, "a line waits", 9)
        bob.expect("(?i)trying again in")
        bob.type(CTRL_C)
        no_traceback(bob, "reading", 130)
        with team.machine("alice").at_terminal() as again:
            again.expect_text("(offline")
            again.type(CTRL_D)
            no_traceback(again, "never connected", 0)


def no_traceback(terminal: TerminalProcess, what: str, code: int) -> None:
    """It ends with this code, and whatever it said on the way is meant for people."""
    ended = terminal.end()
    for word in ("Traceback", "Exception", "Error:"):
        assert word not in terminal.shown, f"{what}: {terminal.shown}"
    assert ended == code, f"{what}: {terminal.shown}"
    assert terminal.echoes(), f"{what}: what is typed next would not be seen"
