"""The command line: complete help, quick to load, complaints in one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat import __version__
from secure_chat.client.arguments import Arguments, build_parser, parse
from secure_chat.client.main import main
from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode
from tests.support.command import home

COMMANDS = "join login logout passwd invite send read rooms users history search status demo config".split()
# What must not be loaded to print a help text: each costs more than all the rest.
HEAVY = ("nacl", "cryptography", "sqlite3", "ssl", "prompt_toolkit", "msgspec", "platformdirs", "precis_i18n", "shtab")


def said(capture: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code in (0, None)
    return capture.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_three_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, command, "--help")
    assert text.count(f"\n  secure-chat {command}") == 3
    for option in ("--config", "--profile", "--json", "--quiet", "--verbose", "--no-color", "--yes"):
        assert option in text


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--help")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("    ") and line[4] != " "] == COMMANDS
    assert said(capsys, "--version") == f"secure-chat {__version__}\n"


def test_help_loads_nothing_that_is_slow(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom secure_chat.client.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    environment = {name: value for name, value in home(tmp_path).items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == "[]\n"


def test_options_may_stand_before_and_after_the_command() -> None:
    before, after = parse(["--profile", "alice", "rooms"]), parse(["rooms", "--profile", "alice"])
    assert before.profile == after.profile == "alice"
    assert parse(["rooms"]).profile is None
    assert parse([]).command == "chat"


def test_what_a_command_does_not_know_keeps_its_default() -> None:
    parsed = parse(["send", "-t", "#dev", "-m", "hi"])
    assert (parsed.to, parsed.message, parsed.since, parsed.count) == (["#dev"], "hi", None, Arguments.count)


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["send"],
        ["history"],
        ["history", "#dev", "--before", "x"],
        ["history", "#dev", "-t", "#ops"],
        ["rooms", "--nonsense"],
        ["send", "-t", "#dev", "-m", "\udcff"],
        ["rooms", "\udcff"],
        ["search", "\udcff"],
        ["--\udcff"],
    ],
)
def test_what_is_not_understood_is_one_sentence_and_the_way_to_help(arguments: list[str]) -> None:
    with pytest.raises(UsageInvalid) as refusal:
        parse(arguments)
    assert "\n" not in refusal.value.sentence
    assert refusal.value.next_step.endswith("--help")


def test_the_room_of_history_is_named_as_in_send_and_read_too() -> None:
    assert parse(["history", "-t", "#dev"]).room == parse(["history", "#dev"]).room == "#dev"


def test_what_one_command_does_not_know_leads_to_its_own_help() -> None:
    for arguments, step in (
        (["rooms", "--nonsense"], "secure-chat rooms --help"),
        (["--nonsense"], "secure-chat --help"),
    ):
        with pytest.raises(UsageInvalid) as refusal:
            parse(arguments)
        assert (refusal.value.sentence, refusal.value.next_step) == ("Unrecognized arguments: --nonsense.", step)


def test_a_path_may_be_no_utf_8() -> None:
    assert parse(["rooms", "--data", "\udcff"]).data == "\udcff"


def test_who_wants_objects_gets_one_for_a_slip_in_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rooms", "--nonsense", "--json"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["code"] == "usage.invalid"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "secure-chat" in said(capsys, "--print-completion", shell)


def test_no_passphrase_can_be_an_argument() -> None:
    text = build_parser().format_help()
    assert "--passphrase-file" in text
    with pytest.raises(UsageInvalid):
        parse(["rooms", "--passphrase", "secret"])
