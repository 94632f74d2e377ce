"""quickstart on an empty directory and on a prepared one: what it prints, makes and leaves alone."""

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from secure_chat.certificates.store import CertificateDirectory
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.link import Link, parse_link
from secure_chat.protocol.states import Role
from secure_chat.server.preparation import certificate_names, first_settings, is_local, settings_text
from secure_chat.server.settings.model import Listen, Settings
from secure_chat.server.settings.sources import SettingsSources
from tests.support.command import Serving, home, log_of, run, serving
from tests.support.people import make_person
from tests.support.wire_client import RefusedByServer, WireClient

QUICKSTART = ("quickstart", "--data", "var", "--certs", "certs", "--port", "0")
PIN = r"[A-Z2-7]{4}(-[A-Z2-7]{2,4})+"


def link_of(lines: list[str]) -> Link:
    (command,) = (line for line in lines if " join '" in line)
    return parse_link(shlex.split(command)[-1])


def join(link: Link, name: str) -> str:
    """Register by the link; returns the role."""
    with WireClient(link.host, link.port, link.authority) as client:
        return client.register(make_person(name), link.token).role


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_an_empty_directory_becomes_a_server_and_says_what_was_made(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART) as server:
        lines = server.lines
        patterns = [
            r"  \[ok\] data directory created \(0700\)",
            rf"  \[ok\] certificate authority made \(EC P-256\)              pin  {PIN}",
            rf"  \[ok\] key log's signing key made                         pin  {PIN}",
            r"  \[ok\] server certificate for localhost, 127\.0\.0\.1, ::1 \(90 days\)",
            r"  \[ok\] settings written: secure-chat\.toml \(checked\)",
            rf"  \[ok\] listening on 127\.0\.0\.1:{server.port} \(TLS 1\.3\)",
            r"  Administrator invite \(works once, 72 h\):",
            rf"      \S*secure-chat join 'secure-chat://localhost:{server.port}/j#1\.[\w-]+\.[\w-]+\.[\w-]+'",
            r"  An invite for the next person:",
            r"      \S*secure-chat-admin --config var/secure-chat\.toml invite create",
            r"secure-chat-server ready 127\.0\.0\.1:\d+ pid=\d+",
        ]
        assert len(lines) == len(patterns), lines
        for line, pattern in zip(lines, patterns, strict=True):
            assert re.fullmatch(pattern, line), line
        assert join(link_of(lines), "alice") == Role.ADMINISTRATOR.value
        code, output, _ = server.stop(signal.SIGINT)
    assert (code, output) == (ExitCode.OK, "")


def test_the_invite_works_once_and_each_start_without_an_administrator_prints_another(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART) as server:
        first = link_of(server.lines)
    with serving(tmp_path, *QUICKSTART) as server:
        second = link_of(server.lines)
        assert second.token != first.token
        with pytest.raises(RefusedByServer) as caught:
            join(Link(second.host, second.port, second.authority, second.log_pin, first.token), "mallory")
        assert caught.value.failure.code.startswith("invite.")
        join(second, "alice")
        with pytest.raises(RefusedByServer):
            join(second, "mallory")
    with serving(tmp_path, *QUICKSTART) as server:
        assert [line for line in server.lines if "join" in line] == []
        (told,) = (line for line in server.lines if line.startswith("  An invite for the next person: "))
        command = shlex.split(told.partition(": ")[2])
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert join(parse_link(shlex.split(done.stdout)[-1]), "bob") == Role.MEMBER.value
    with serving(tmp_path, *QUICKSTART, "--json") as server:
        (said,) = (json.loads(line) for line in server.lines if '"inviting"' in line)
        assert said["command"] == shlex.join(command)


def test_a_prepared_directory_is_only_served_and_nothing_is_overwritten(tmp_path: Path) -> None:
    assert run(tmp_path, *QUICKSTART, "--prepare-only").returncode == ExitCode.OK
    settings_file = tmp_path / "var" / "secure-chat.toml"
    settings_file.write_text(settings_file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    before = files_of(tmp_path / "certs") | {"settings": settings_file.read_bytes()}
    with serving(tmp_path, *QUICKSTART, "--name", "localhost") as server:
        assert [line for line in server.lines if line.startswith("  [ok]")] == [
            f"  [ok] listening on 127.0.0.1:{server.port} (TLS 1.3)"
        ]
    assert files_of(tmp_path / "certs") | {"settings": settings_file.read_bytes()} == before


def test_a_run_that_was_cut_short_is_continued(tmp_path: Path) -> None:
    run(tmp_path, *QUICKSTART, "--prepare-only")
    certificates = CertificateDirectory(tmp_path / "certs")
    (tmp_path / "var" / "secure-chat.toml").unlink()
    certificates.server_certificate.unlink()
    authority = certificates.authority_certificate.read_bytes()
    result = run(tmp_path, *QUICKSTART, "--prepare-only")
    assert result.stdout.splitlines()[:2] == [
        "  [ok] server certificate for localhost, 127.0.0.1, ::1 (90 days)",
        "  [ok] settings written: secure-chat.toml (checked)",
    ]
    assert certificates.authority_certificate.read_bytes() == authority


def test_prepare_only_prints_the_invite_for_who_starts_the_server_later(tmp_path: Path) -> None:
    prepared = run(tmp_path, "quickstart", "--data", "var", "--certs", "certs", "--port", "17443", "--prepare-only")
    assert prepared.returncode == ExitCode.OK
    assert not any("listening" in line for line in prepared.stdout.splitlines())
    link = link_of(prepared.stdout.splitlines())
    assert link.port == 17443
    with serving(tmp_path, "run", "--config", "var/secure-chat.toml", "--port", "0") as server:
        assert server.lines == [line for line in server.lines if line.startswith("secure-chat-server ready")]
        here = Link(link.host, server.port, link.authority, link.log_pin, link.token)
        assert join(here, "alice") == Role.ADMINISTRATOR.value


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART, "--json") as server:
        events = [json.loads(line) for line in server.lines]
        assert [event["event"] for event in events] == [*["prepared"] * 5, "listening", "invite", "ready"]
        assert {event["schema"] for event in events} == {1}
        assert {events[5]["port"], events[7]["port"], parse_link(events[6]["link"]).port} == {server.port}
        assert events[7]["pid"] == server.process.pid
        assert events[6]["link"] in events[6]["command"]


def test_without_any_argument_everything_follows_the_xdg_directories(tmp_path: Path) -> None:
    environment = home(tmp_path, SECURE_CHAT_SERVER_LISTEN_PORT="0")
    with serving(tmp_path, "quickstart", environment=environment) as server:
        assert " --config" not in "\n".join(server.lines)
        status = run(tmp_path, "status", environment=environment)
        assert f"runs on 127.0.0.1:{server.port}" in status.stdout
    assert (tmp_path / ".config" / "secure-chat" / "secure-chat.toml").exists()
    assert (tmp_path / ".local" / "share" / "secure-chat-server" / "secure-chat.db").exists()


def test_a_name_of_the_network_listens_everywhere_and_the_certificate_has_the_machines_address(tmp_path: Path) -> None:
    loaded = SettingsSources(flags=(("name", "team.example.org"), ("data", str(tmp_path)))).load()
    assert first_settings(loaded).listen == Listen(host="0.0.0.0", port=7443)
    assert certificate_names("team.example.org")[0] == "team.example.org"
    decided = SettingsSources(flags=(("name", "team.example.org"), ("listen.host", "10.0.0.5"))).load()
    assert first_settings(decided).listen.host == "10.0.0.5"


@pytest.mark.parametrize(
    ("name", "local"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.9", True), ("::1", True), ("10.0.0.5", False), ("h", False)],
)
def test_names_of_this_machine_alone_are_told_from_others(name: str, local: bool) -> None:
    assert is_local(name) is local


def test_the_settings_file_says_what_it_was_made_from_and_may_move_with_its_directory(tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted" \\ directory é'
    odd.mkdir()
    settings = Settings(data=odd, name="team.example.org", listen=Listen(host="0.0.0.0", port=1))
    text = settings_text(settings, odd)
    assert 'data = "."' in text
    (odd / "secure-chat.toml").write_text(text, encoding="utf-8")
    moved = odd.rename(tmp_path / "moved")
    loaded = SettingsSources(config=moved / "secure-chat.toml").load().settings
    assert (loaded.data, loaded.certificate_directory) == (moved, moved / "certs")
    assert (loaded.name, loaded.listen) == ("team.example.org", settings.listen)
    (odd / "x").mkdir(parents=True)
    far = Settings(data=Path("/srv/secure-chat"))
    assert 'data = "/srv/secure-chat"' in settings_text(far, odd)


def test_two_servers_on_one_directory_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART):
        second = run(tmp_path, *QUICKSTART)
        told = shlex.split(second.stderr.partition("see it: ")[2])
        assert run(tmp_path, *told[1:]).returncode == ExitCode.OK  # the next step names the same directory
    assert second.returncode not in (ExitCode.OK, ExitCode.BUG)
    assert "Traceback" not in second.stderr
    assert "[storage.locked]" in second.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART) as server:
        (tmp_path / "other").mkdir()
        refused = run(tmp_path / "other", "quickstart", "--data", "var", "--certs", "certs", "--port", str(server.port))
        assert (refused.returncode, refused.stdout) == (ExitCode.NETWORK, "")
        assert "[net.in_use]" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert list((tmp_path / "other").iterdir()) == []
        prepare = (*QUICKSTART[:-1], str(server.port), "--prepare-only")  # which takes no port
        assert run(tmp_path / "other", *prepare).returncode == ExitCode.OK
        assert "[net.in_use]" in run(tmp_path / "other", *QUICKSTART[:-2]).stderr
    assert_serves(tmp_path / "other")


def assert_serves(directory: Path) -> None:
    with serving(directory, *QUICKSTART) as server:
        assert isinstance(server, Serving)


def test_a_name_that_the_certificate_has_not_is_refused_in_the_operators_words(tmp_path: Path) -> None:
    run(tmp_path, *QUICKSTART, "--prepare-only")
    refused = run(tmp_path, *QUICKSTART, "--name", "other.example")
    assert refused.returncode == ExitCode.SERVER_IDENTITY
    assert "[tls.name]" in refused.stderr
    assert "The certificate is not for other.example, the server's `name`: it is for localhost" in refused.stderr
    assert "secure-chat-certs issue server --san other.example" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_token_of_the_invite_is_not_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, *QUICKSTART) as server:
        link = link_of(server.lines)
        join(link, "alice")
        _, _, errors = server.stop()
    text = "\n".join(log_of(tmp_path / "var"))
    token = link.format().rpartition(".")[2]
    assert token not in text + errors
    assert link.token.hex() not in text + errors
    assert "alice" in text
