"""secure-chat-certs as an operator meets it: real processes, exit codes, output, files that are never overwritten."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from secure_chat.certificates.contexts import client_context, require_alpn, server_context
from secure_chat.certificates.files import changing
from secure_chat.certificates.store import CertificateDirectory, issue_server, load_certificates, make_authority
from secure_chat.encoding import decode_base64url
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import CERTIFICATE_WARNING_DAYS
from secure_chat_tools.certs.arguments import PROGRAM, parse
from secure_chat_tools.certs.main import main
from tests.certificates.impostors import NOW, Issuer, leaf_under
from tests.support.running_core import eventually
from tests.tools.calls import DEADLINE, Tool, environment, objects

CERTS = Tool(PROGRAM, "secure_chat_tools.certs.main", main)
run, run_process = CERTS.run, CERTS.run_process


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def ready(home: Path) -> CertificateDirectory:
    """A directory with an authority and a server's certificate, made by the library."""
    directory = CertificateDirectory(home / "ready")
    make_authority(directory, NOW)
    issue_server(directory, ["localhost", "127.0.0.1"], 90, NOW)
    return directory


# --- two commands --------------------------------------------------------------------------------


def test_two_commands_make_a_server_that_a_client_of_its_link_accepts(home: Path) -> None:
    made = run_process(home, "init", "--dir", "certs", "--json")
    assert made.returncode == 0
    authority, log = objects(made.stdout)
    assert (authority["type"], log["type"]) == ("authority", "log")
    issued = run_process(home, "issue", "server", "--san", "localhost", "127.0.0.1", "--dir", "certs")
    assert issued.returncode == 0
    assert issued.stdout == "  [ok] server certificate for localhost, 127.0.0.1 (90 days)\n"
    directory = CertificateDirectory(home / "certs")
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        plain, _ = listener.accept()
        with server_context(directory.server_certificate, directory.server_key).wrap_socket(
            plain, server_side=True
        ) as tls:
            heard.append(tls.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    context = client_context(decode_base64url(authority["public_key"], 33))
    with (
        listener,
        socket.create_connection(listener.getsockname(), timeout=DEADLINE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        require_alpn(tls)
        tls.sendall(b"hello")
        thread.join(DEADLINE)
    assert heard == [b"hello"]


def test_init_says_the_pins_in_groups_and_what_to_keep(home: Path) -> None:
    made = run(home, "init", "--dir", "certs")
    pins = [line.rpartition("pin  ")[2] for line in made.stdout.splitlines()]
    assert len(pins) == 2
    assert all([len(group) for group in pin.split("-")] == [4, 4, 4, 4, 4, 4, 2] for pin in pins)
    assert "The server does not need it" in made.stderr
    assert "Keep a copy of certs/log.key" in made.stderr
    shown = run(home, "pin", "--dir", "certs")
    assert shown.stdout.splitlines() == [f"authority  {pins[0]}", f"key log    {pins[1]}"]
    assert shown.stderr == ""


def test_the_next_command_in_advice_can_be_pasted(home: Path) -> None:
    advice = run(home, "init", "--dir", "a directory").stderr
    command = next(line for line in advice.splitlines() if "Next: " in line).partition("Next: ")[2]
    program, *arguments = shlex.split(command)
    assert Path(program).name == PROGRAM
    assert Path(program).parent in (Path(), Path(sys.executable).parent)  # by its path where no shell would find it
    assert run(home, *arguments).returncode == 0
    assert (home / "a directory" / "server.crt").exists()


# --- never overwrites ----------------------------------------------------------------------------


def test_a_second_init_changes_nothing_and_says_so(home: Path, ready: CertificateDirectory) -> None:
    before = contents(ready.path)
    again = run(home, "init", "--dir", "ready")
    assert again.returncode == ExitCode.USAGE
    assert "nothing was changed. [certificate.exists]" in again.stderr
    assert again.stdout == ""
    assert contents(ready.path) == before


def test_issuing_again_keeps_the_names_and_what_was_there(home: Path, ready: CertificateDirectory) -> None:
    before = contents(ready.path)
    again = run(home, "issue", "server", "--san", "team.example.org", "--dir", "ready", "--days", "30")
    assert "localhost, 127.0.0.1, team.example.org (30 days)" in again.stdout
    assert "retired" in again.stderr
    after = contents(ready.path)
    assert set(before.values()) <= set(after.values())
    renewed = run(home, "issue", "server", "--dir", "ready")
    assert "localhost, 127.0.0.1, team.example.org (90 days)" in renewed.stdout
    only = run(home, "issue", "server", "--only", "--san", "10.0.0.5", "--dir", "ready")
    assert "certificate for 10.0.0.5 (90 days)" in only.stdout
    assert set(after.values()) <= set(contents(ready.path).values())
    assert run(home, "verify", "--dir", "ready").returncode == 0


def test_a_client_gets_two_files_and_no_second_certificate_of_its_name(home: Path, ready: CertificateDirectory) -> None:
    made = run(home, "issue", "client", "--san", "alice-laptop", "--dir", "ready", "--json")
    (fact,) = objects(made.stdout)
    assert (fact["type"], fact["purpose"], fact["names"]) == ("certificate", "client", ["alice-laptop"])
    before = contents(ready.path)
    again = run(home, "issue", "client", "--san", "alice-laptop", "--dir", "ready")
    assert again.returncode == ExitCode.USAGE
    assert contents(ready.path) == before
    shown = run(home, "show", "--dir", "ready")
    assert "client certificate for alice-laptop (90 days)" in shown.stdout


# --- exit codes and refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], ExitCode.USAGE, "COMMAND"),
        (["inti"], ExitCode.USAGE, "invalid choice"),
        (["issue", "--dir", "ready"], ExitCode.USAGE, "purpose"),
        (["issue", "server", "--days", "many", "--dir", "ready"], ExitCode.USAGE, "--days"),
        (["issue", "server", "--days", "826", "--dir", "ready"], ExitCode.USAGE, "1 to 825 days"),
        (["issue", "server", "--san", "*.example.org", "--dir", "ready"], ExitCode.USAGE, "'*.example.org'"),
        (["issue", "client", "--dir", "ready"], ExitCode.USAGE, "No name was given"),
        (["issue", "client", "--san", "../../x", "--dir", "ready"], ExitCode.USAGE, "host.invalid"),
        (["show", "--dir", "nowhere"], ExitCode.NOT_FOUND, "There is no authority in nowhere"),
        (["pin", "--dir", "nowhere"], ExitCode.NOT_FOUND, "secure-chat-certs --dir nowhere init"),
        (["verify", "--dir", "nowhere"], ExitCode.NOT_FOUND, "certificate.not_found"),
        (["issue", "server", "--san", "localhost", "--dir", "nowhere"], ExitCode.NOT_FOUND, "certificate.not_found"),
        (["show", "--config", "nowhere.toml"], ExitCode.USAGE, "nowhere.toml"),
        (["init", "--dir", "a-file"], ExitCode.USAGE, "is not a directory"),
        (["init", "--dir", "a-file/certs"], ExitCode.USAGE, "certificate.invalid"),
    ],
)
def test_a_mistake_has_its_exit_code_and_its_sentence(
    home: Path, ready: CertificateDirectory, arguments: list[str], code: ExitCode, said: str
) -> None:
    (home / "a-file").touch()
    before = contents(home)
    done = run(home, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""
    assert contents(home) == before
    assert ready.path.is_dir()


def test_without_names_and_without_a_certificate_the_server_gets_none(home: Path) -> None:
    run(home, "init", "--dir", "certs")
    done = run(home, "issue", "server", "--dir", "certs")
    assert done.returncode == ExitCode.USAGE
    assert "secure-chat-certs --dir certs issue server --san team.example.org" in done.stderr


def test_an_error_as_json_is_one_object_on_standard_error(home: Path) -> None:
    done = run_process(home, "--json", "show", "--dir", "nowhere")
    assert done.returncode == ExitCode.NOT_FOUND
    (error,) = objects(done.stderr)
    assert (error["type"], error["code"]) == ("error", "certificate.not_found")
    assert done.stdout == ""


def waits_for_a_lock(pid: int) -> bool:
    locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any("-> FLOCK" in line and str(pid) in line.split() for line in locks)


def test_an_interrupted_command_ends_with_130(home: Path, ready: CertificateDirectory) -> None:
    before = contents(ready.path)
    with changing(ready.path):  # the command waits for its turn
        process = subprocess.Popen(
            [*CERTS.command, "issue", "server", "--dir", "ready"],
            cwd=home,
            env=environment(home),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        with process, process.stderr:
            eventually(lambda: waits_for_a_lock(process.pid), "the command does not wait for its turn")
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == ExitCode.INTERRUPTED
            assert "Traceback" not in process.stderr.read()
    assert contents(ready.path) == before


def test_a_reader_that_has_enough_is_no_error(home: Path, ready: CertificateDirectory) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*CERTS.command, "verify", "--dir", str(ready.path)],
            env=environment(home),
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


# --- verify --------------------------------------------------------------------------------------


def failing(home: Path) -> tuple[int, list[str]]:
    """The exit code of `verify` and what failed."""
    done = run(home, "verify", "--json", "--dir", "ready")
    return done.returncode, [fact["what"] for fact in objects(done.stdout) if fact["state"] == "failed"]


def test_a_sound_directory_passes_every_check(home: Path, ready: CertificateDirectory) -> None:
    done = run(home, "verify", "--dir", "ready")
    assert done.returncode == 0
    assert done.stdout.count("[ok]") == len(done.stdout.splitlines()) == 8
    assert "a client that asks for 127.0.0.1 is let in" in done.stdout
    assert run(home, "verify", "-q", "--dir", "ready").stdout == ""
    assert ready.authority_key.exists()


def test_a_key_that_others_can_read_fails_with_the_command_that_mends_it(
    home: Path, ready: CertificateDirectory
) -> None:
    ready.server_key.chmod(0o644)
    done = run(home, "verify", "--dir", "ready")
    assert done.returncode == ExitCode.PERMISSION
    assert f"chmod 600 {Path('ready/server.key')}" in done.stdout


@pytest.mark.parametrize("name", ["authority.key", "log.key"])
def test_every_other_private_key_is_checked_as_well(home: Path, ready: CertificateDirectory, name: str) -> None:
    next(ready.path.rglob(name)).chmod(0o640)
    code, failed = failing(home)
    assert code == ExitCode.PERMISSION
    assert len(failed) == 1


def test_a_key_that_was_retired_or_given_to_a_client_is_checked_too(home: Path, ready: CertificateDirectory) -> None:
    run(home, "issue", "server", "--dir", "ready")
    run(home, "issue", "client", "--san", "laptop", "--dir", "ready")
    for path in (ready.clients / "laptop.key", *ready.retired.glob("*.key")):
        path.chmod(0o604)
        code, failed = failing(home)
        assert code == ExitCode.PERMISSION
        assert failed == [f"{path.relative_to(ready.path)} is private"]
        path.chmod(0o600)


def test_an_authority_kept_elsewhere_is_a_warning(home: Path, ready: CertificateDirectory) -> None:
    ready.authority_key.rename(home / "elsewhere.key")
    done = run(home, "verify", "--dir", "ready")
    assert done.returncode == 0
    assert "[!]  the authority's private key" in done.stdout
    assert run(home, "issue", "server", "--dir", "ready").returncode == ExitCode.NOT_FOUND


def test_a_certificate_near_its_end_is_a_warning_and_one_past_it_a_failure(
    home: Path, ready: CertificateDirectory
) -> None:
    issue_server(ready, ["localhost"], CERTIFICATE_WARNING_DAYS + 1, NOW)
    assert "[!]" not in run(home, "verify", "--dir", "ready").stdout
    issue_server(ready, ["localhost"], CERTIFICATE_WARNING_DAYS - 1, NOW)
    soon = run(home, "verify", "--dir", "ready")
    assert soon.returncode == 0
    assert "secure-chat-certs --dir ready issue server" in soon.stdout
    issue_server(ready, ["localhost"], 10, NOW - timedelta(days=20))
    past = run(home, "verify", "--json", "--dir", "ready")
    assert past.returncode == ExitCode.SERVER_IDENTITY
    assert {fact["code"] for fact in objects(past.stdout) if fact["state"] == "failed"} == {"tls.time"}
    assert "(ended)" in run(home, "show", "--dir", "ready").stdout


def test_a_certificate_of_another_authority_fails(home: Path, ready: CertificateDirectory) -> None:
    other = CertificateDirectory(home / "other")
    make_authority(other, NOW)
    issue_server(other, ["localhost"], 90, NOW)
    other.server_certificate.replace(ready.server_certificate)
    other.server_key.replace(ready.server_key)
    code, failed = failing(home)
    assert code != 0
    assert "the server's certificate comes from the authority" in failed
    assert "a client that asks for localhost is let in" in failed


def test_the_key_of_another_certificate_fails(home: Path, ready: CertificateDirectory) -> None:
    old = ready.server_key.read_bytes()
    issue_server(ready, ["localhost"], 90, NOW)
    ready.server_key.write_bytes(old)
    code, failed = failing(home)
    assert code != 0
    assert "the server's private key fits and is private" in failed


@pytest.mark.parametrize("name", ["authority.crt", "server.crt", "server.key", "log.key"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_damaged_file_fails_and_is_no_traceback(
    home: Path, ready: CertificateDirectory, name: str, content: bytes
) -> None:
    (ready.path / name).write_bytes(content)
    assert run(home, "verify", "--dir", "ready").returncode != 0
    for command in (["show"], ["pin"], ["issue", "server"]):
        run(home, *command, "--dir", "ready")


def test_a_name_in_a_foreign_certificate_cannot_speak_to_the_terminal(home: Path, ready: CertificateDirectory) -> None:
    certificate, _ = leaf_under(Issuer.make(), "evil\x1b]0;owned\x07\x1b[31m")
    authority = load_certificates(ready.authority_certificate)[0]
    ready.server_certificate.write_bytes(certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
    for command in ("show", "verify"):
        done = run(home, command, "--dir", "ready")
        assert "\x1b" not in done.stdout + done.stderr
        assert "evil" in done.stdout


# --- output and arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["init"], ["issue"], ["show"], ["pin"], ["verify"]])
def test_help_has_three_examples(home: Path, command: list[str]) -> None:
    done = run(home, *command, "--help")
    assert done.returncode == 0
    examples = [line for line in done.stdout.splitlines() if line.startswith(f"  {PROGRAM} ")]
    assert len(examples) == 3


def test_every_example_of_the_help_is_understood(home: Path) -> None:
    for command in ([], ["init"], ["issue"], ["show"], ["pin"], ["verify"]):
        for line in run(home, *command, "--help").stdout.splitlines():
            if line.startswith(f"  {PROGRAM} "):
                example, *_ = re.split(r"\s{2,}", line.strip())
                assert parse(shlex.split(example)[1:]).command in example


def test_version_and_completion_are_printed(home: Path) -> None:
    version = run(home, "--version")
    assert version.returncode == 0
    assert version.stdout.startswith(f"{PROGRAM} ")
    for shell in ("bash", "zsh", "tcsh"):
        script = run(home, "--print-completion", shell)
        assert script.returncode == 0
        assert "verify" in script.stdout


def test_json_is_one_object_a_line_with_the_number_of_its_schema(home: Path, ready: CertificateDirectory) -> None:
    shown = run(home, "show", "--json", "--dir", "ready")
    authority, log, server = objects(shown.stdout)
    assert [authority["type"], log["type"], server["type"]] == ["authority", "log", "certificate"]
    assert server["names"] == ["localhost", "127.0.0.1"]
    assert server["days_left"] == 90
    assert shown.stderr == ""
    assert run(home, "--json", "--dir", "ready", "show").stdout == shown.stdout
    assert ready.log_key.exists()


def test_no_output_holds_a_private_key(home: Path, ready: CertificateDirectory) -> None:
    secrets = [
        line
        for path in ready.path.rglob("*.key")
        for line in path.read_text("ascii").splitlines()
        if not line.startswith("-----")
    ]
    for command in (["show"], ["show", "--json"], ["pin"], ["verify", "-v"], ["issue", "server", "-v"]):
        done = run(home, *command, "--dir", "ready")
        assert not [line for line in secrets if line in done.stdout + done.stderr]


def test_a_terminal_gets_colours_unless_it_or_somebody_does_not_want_them(
    home: Path, ready: CertificateDirectory
) -> None:
    assert "\x1b[32m[ok]" in CERTS.on_terminal(home, "show", "--dir", "ready", TERM="xterm")
    for arguments, more in (
        (["--no-color"], {"TERM": "xterm"}),
        ([], {"TERM": "xterm", "NO_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
    ):
        assert "\x1b" not in CERTS.on_terminal(home, "show", "--dir", "ready", *arguments, **more)
    assert "\x1b" not in run(home, "show", "--dir", "ready", TERM="xterm").stdout
    assert ready.log_key.exists()


# --- which directory -----------------------------------------------------------------------------


@pytest.fixture
def places(home: Path) -> dict[str, Path]:
    """Every place that may be meant, and a settings file that names one."""
    settings = home / "settings.toml"
    settings.write_text('[certificates]\ndirectory = "configured"\n', "utf-8")
    return {
        "flag": home / "flag",
        "settings": home / "configured",
        "environment": home / "environment",
        "here": home / "certs",
        "default": home / ".local/share/secure-chat-server/certs",
    }


def made_in(places: dict[str, Path]) -> list[str]:
    return [name for name, path in places.items() if (path / "authority.crt").exists()]


def test_the_directory_is_the_first_that_is_named(home: Path, places: dict[str, Path]) -> None:
    config = {"SECURE_CHAT_SERVER_CERTIFICATES_DIRECTORY": str(places["environment"])}
    assert run(home, "init").returncode == 0
    assert made_in(places) == ["default"]
    places["here"].mkdir()
    assert run(home, "init").returncode == 0
    assert made_in(places) == ["here", "default"]
    assert run(home, "init", "--config", "settings.toml").returncode == 0
    assert made_in(places) == ["settings", "here", "default"]
    assert run(home, "init", "--config", "settings.toml", **config).returncode == 0
    assert made_in(places) == ["settings", "environment", "here", "default"]
    told = run(home, "init", "-v", "--dir", "flag", "--config", "settings.toml", **config)
    assert made_in(places) == ["flag", "settings", "environment", "here", "default"]
    assert f"{home / 'flag'} (--dir)" in told.stderr
