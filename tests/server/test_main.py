"""The server's command line: exit codes, what goes where, and that nobody sees a traceback for a mistake."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secure_chat import __version__
from secure_chat.certificates.store import CertificateDirectory, issue_server
from secure_chat.exit_codes import ExitCode
from secure_chat.server import main
from secure_chat.server.main import PROGRAM, parser
from secure_chat.storage.database import DATABASE_NAME
from tests.support.command import home, log_of, run, serving
from tests.support.installation import Installation
from tests.support.wire_client import WireClient

COMMANDS = ("quickstart", "run", "check-config", "status", "reload", "version")


def test_help_has_three_examples_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], *([command] for command in COMMANDS)):
        with pytest.raises(SystemExit) as caught:
            parser().parse_args([*arguments, "--help"])
        assert caught.value.code == ExitCode.OK
        text = capsys.readouterr().out
        assert text.partition("examples:\n")[2].count(f"  {PROGRAM} ") == 3
    assert all(command in parser().format_help() for command in COMMANDS)


def test_every_example_can_be_parsed() -> None:
    for examples in main.EXAMPLES.values():
        for example in examples:
            parser().parse_args(example.split())


def test_help_comes_within_0_3_seconds_of_processor_time() -> None:
    probe = (
        "import time; from secure_chat.server.main import parser; parser().format_help(); print(time.process_time())"
    )
    fastest = min(
        float(subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True).stdout)
        for _ in range(3)
    )
    assert fastest < 0.3


def test_help_imports_nothing_heavy() -> None:
    probe = "import sys; from secure_chat.server.main import parser; parser(); print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True).stdout.split()
    assert not {"sqlalchemy", "cryptography", "nacl", "bcrypt", "msgspec", "ssl"} & set(loaded)


def test_a_completion_can_be_printed(tmp_path: Path) -> None:
    result = run(tmp_path, "--print-completion", "bash")
    assert result.returncode == ExitCode.OK
    assert "quickstart" in result.stdout


@pytest.mark.parametrize(
    "arguments", [("sttus",), ("run", "--prot", "1"), ("run", "--set", "port"), ("run", "--set", "listen.prt=1"), ()]
)
def test_mistakes_of_usage_end_with_2_and_a_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(tmp_path, *arguments)
    assert result.returncode == ExitCode.USAGE
    assert result.stdout == ""
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_version_says_the_version(tmp_path: Path) -> None:
    assert run(tmp_path, "version").stdout == f"secure-chat-server {__version__}\n"
    assert run(tmp_path, "--version").stdout == f"secure-chat-server {__version__}\n"
    shown = json.loads(run(tmp_path, "version", "--json").stdout)
    assert (shown["version"], shown["schema"]) == (__version__, 1)
    assert "SQLite" in run(tmp_path, "version", "-v").stdout


def test_status_and_reload_without_a_server_say_so(tmp_path: Path) -> None:
    for command in ("status", "reload"):
        result = run(tmp_path, command)
        assert result.returncode == ExitCode.NETWORK
        assert "[server.not_running]" in result.stderr
        assert result.stdout == ""


@pytest.mark.parametrize("place", [("--config", "my var/secure-chat.toml"), ("--data", "my var")])
def test_the_way_on_is_that_of_the_installation_that_was_named(tmp_path: Path, place: tuple[str, str]) -> None:
    named = f"{place[0]} '{place[1]}'" if " " in place[1] else " ".join(place)
    installation = Installation(tmp_path / "my var")
    assert installation.settings_file == tmp_path / "my var" / "secure-chat.toml"
    for call in (["status", *place], [*place, "status"]):
        result = run(tmp_path, *call)
        assert result.returncode == ExitCode.NETWORK, result.stderr
        assert result.stderr.endswith(f"\n  start it: secure-chat-server run {named}\n")


def test_a_missing_certificate_or_settings_file_is_made_where_it_was_looked_for(tmp_path: Path) -> None:
    missing = run(tmp_path, "run", "--data", "here", "--certs", "there")
    assert missing.stderr.endswith("start it: secure-chat-server quickstart --data here --certs there\n")
    nowhere = run(tmp_path, "status", "--config", "mine.toml")
    assert nowhere.stderr.endswith("make one: secure-chat-server quickstart --config mine.toml --prepare-only\n")


@pytest.mark.parametrize("command", ["status", "reload", "run"])
def test_in_a_checkout_the_way_on_is_its_own_installation_and_not_a_second_one(tmp_path: Path, command: str) -> None:
    Installation(tmp_path / "var")
    result = run(tmp_path, command)
    assert result.returncode in (ExitCode.NETWORK, ExitCode.NOT_FOUND)
    assert result.stderr.endswith(
        "\n  see the one of this directory: secure-chat-server status --config var/secure-chat.toml · "
        "start it: secure-chat-server run --config var/secure-chat.toml\n"
    )
    elsewhere = run(tmp_path, command, "--data", "elsewhere")
    assert "var/secure-chat.toml" not in elsewhere.stderr
    by_environment = run(tmp_path, command, environment=home(tmp_path, SECURE_CHAT_SERVER_DATA="elsewhere"))
    assert "var/secure-chat.toml" not in by_environment.stderr


def test_options_stand_before_a_command_or_after_it_and_the_later_one_wins(tmp_path: Path) -> None:
    def port(*arguments: str) -> int:
        options = parser().parse_args(arguments)
        return main._sources(options).load(may_be_missing=True).settings.listen.port

    assert port("--port", "1111", "run") == port("run", "--port", "1111") == 1111
    assert port("--port", "1111", "run", "--port", "2222") == 2222
    assert port("--set", "listen.port=1111", "run", "--set", "log.level=debug") == 1111
    assert port("--set", "listen.port=1111", "run", "--set", "listen.port=2222") == 2222
    assert json.loads(run(tmp_path, "--json", "version").stdout)["version"] == __version__


def test_check_config_tells_the_line_the_certificate_and_who_said_what(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    config = ("--config", str(installation.settings_file))
    fine = run(tmp_path, "check-config", *config)
    assert fine.returncode == ExitCode.OK
    assert "127.0.0.1" in fine.stdout
    lines = [
        json.loads(line) for line in run(tmp_path, "check-config", *config, "--origin", "--json").stdout.splitlines()
    ]
    by_key = {line["key"]: line for line in lines if line["event"] == "setting"}
    assert by_key["name"]["place"] == "secure-chat.toml line 2"
    assert by_key["log.level"]["source"] == "default"
    assert lines[-1]["event"] == "checked"
    installation.settings_file.write_text("[listen]\nprot = 1\n", encoding="utf-8")
    wrong = run(tmp_path, "check-config", *config)
    assert wrong.returncode == ExitCode.USAGE
    assert "secure-chat.toml line 2: unknown key `prot`, did you mean `port`?" in wrong.stderr


def test_a_certificate_that_is_missing_is_told_with_the_way_on(tmp_path: Path) -> None:
    result = run(tmp_path, "run", "--data", "var")
    assert result.returncode == ExitCode.NOT_FOUND
    assert "secure-chat-server quickstart" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o755)
    result = run(tmp_path, "run", "--data", "var")
    assert result.returncode == ExitCode.USAGE
    assert "chmod 700" in result.stderr


def test_a_database_of_another_checkout_is_refused_with_its_name_and_the_way_on(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    with closing(sqlite3.connect(installation.data / DATABASE_NAME)) as connection:
        connection.execute("ALTER TABLE invites DROP COLUMN settled")
    result = run(tmp_path, "run", "--config", str(installation.settings_file))
    assert (result.returncode, result.stdout) == (ExitCode.BUG, "")
    assert str(installation.data / DATABASE_NAME) in result.stderr
    assert "it has no column invites.settled. [storage.foreign]\n  keep the file: " in result.stderr
    assert "Traceback" not in result.stderr


def test_standard_output_has_the_ready_line_and_nothing_else(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with serving(tmp_path, "run", "--config", str(installation.settings_file)) as server:
        assert server.lines == [f"secure-chat-server ready 127.0.0.1:{server.port} pid={server.process.pid}"]
        code, output, errors = server.stop()
    assert (code, output) == (ExitCode.OK, "")
    assert "listens on" in errors


def test_quiet_keeps_the_log_off_standard_error_and_verbose_says_more(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with serving(tmp_path, "run", "--config", str(installation.settings_file), "-q", "--log-format", "json") as server:
        assert server.stop()[2] == ""
    assert all(json.loads(line)["level"] for line in log_of(installation.data))


def test_a_reload_takes_over_live_settings_and_names_the_others(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    config = ("--config", str(installation.settings_file))
    with serving(tmp_path, "run", *config) as server:
        before = installation.settings_file.read_text(encoding="utf-8")
        installation.settings_file.write_text(
            'registration = "open"\n' + before.replace("port = 0", "port = 1"), encoding="utf-8"
        )
        shown = json.loads(run(tmp_path, "reload", *config, "--json").stdout)
        assert (shown["changed"], shown["needing_restart"]) == (["registration"], ["listen.port"])
        with WireClient("127.0.0.1", server.port, installation.authority) as client:
            assert client.hello.registration == "open"
        text = run(tmp_path, "reload", *config).stdout
        assert "Changed: nothing" in text
        assert "At the next start: listen.port." in text


def test_a_reload_with_any_mistake_changes_nothing(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    config = ("--config", str(installation.settings_file))
    before = installation.settings_file.read_text(encoding="utf-8")
    with serving(tmp_path, "run", *config) as server:
        certificate = installation.certificates.server_certificate.read_bytes()
        issue_server(installation.certificates, ["other.example"], 90, datetime.now(UTC))
        for text, code in (
            ('registration = "open"\n' + before, "tls.name"),  # settings fine, certificate for another name
            ('registration = "open"\nzzz = 1\n' + before, "config.unknown"),
        ):
            installation.settings_file.write_text(text, encoding="utf-8")
            refused = run(tmp_path, "reload", *config)
            assert refused.returncode != ExitCode.OK
            assert f"[{code}]" in refused.stderr
            with WireClient("127.0.0.1", server.port, installation.authority) as client:
                assert client.hello.registration == "invite"
        assert certificate != installation.certificates.server_certificate.read_bytes()


def test_a_reload_serves_the_new_certificate_and_who_is_connected_stays(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    config = ("--config", str(installation.settings_file))
    with serving(tmp_path, "run", *config) as server, installation.connect_as("alice", port=server.port) as alice:
        issue_server(installation.certificates, ["127.0.0.1"], 90, datetime.now(UTC))
        assert run(tmp_path, "reload", *config).returncode == ExitCode.OK
        with installation.connect(port=server.port) as client:
            assert client.leaf_hash != alice.leaf_hash
            client.login(installation.people["alice"])


def test_another_installations_certificate_is_never_taken_over(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    (tmp_path / "other").mkdir()
    other = Installation(tmp_path / "other")
    config = ("--config", str(installation.settings_file))
    with serving(tmp_path, "run", *config) as server:
        text = installation.settings_file.read_text(encoding="utf-8")
        installation.settings_file.write_text(
            text.replace(str(installation.certificates.path), str(other.certificates.path)), encoding="utf-8"
        )
        refused = run(tmp_path, "reload", *config)
        assert "another authority" in refused.stderr
        installation.connect(port=server.port).close()


def test_sighup_reloads_and_a_refusal_is_logged(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with serving(tmp_path, "run", "--config", str(installation.settings_file)) as server:
        text = installation.settings_file.read_text(encoding="utf-8")
        installation.settings_file.write_text('registration = "open"\n' + text, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        wait_for_line(installation, "reloaded; changed: registration")
        installation.settings_file.write_text("zzz = 1\n" + text, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        wait_for_line(installation, "nothing was reloaded")
        with WireClient("127.0.0.1", server.port, installation.authority) as client:
            assert client.hello.registration == "open"


def wait_for_line(installation: Installation, words: str) -> None:
    deadline = time.monotonic() + 60
    while not any(words in line for line in log_of(installation.data)):
        assert time.monotonic() < deadline, words


def test_the_directory_of_certificates_is_all_that_a_server_needs(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    certificates: CertificateDirectory = installation.certificates
    certificates.authority_key.unlink()  # kept elsewhere
    with serving(tmp_path, "run", "--config", str(installation.settings_file)) as server:
        assert server.port
