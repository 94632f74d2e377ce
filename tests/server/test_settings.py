"""Settings: what is in force, who said so, and how mistakes are told."""

import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec import Meta

from secure_chat.errors import ChatError, DataDirectoryUnusable, SettingInvalid, SettingsMissing, SettingUnknown
from secure_chat.limits import BCRYPT_COST_CEILING, BCRYPT_COST_FLOOR, MAX_SETTINGS_FILE_BYTES
from secure_chat.server.settings.model import SETTINGS, Setting, Settings, needing_restart, taken_over, value_of
from secure_chat.server.settings.paths import DataDirectory, socket_address
from secure_chat.server.settings.sources import SettingsSources, Source, line_of
from tests.documents.settings_page import PAGE, page_text


def write(directory: Path, text: str) -> Path:
    path = directory / "secure-chat.toml"
    path.write_text(text, encoding="utf-8")
    return path


def told(directory: Path, text: str) -> ChatError:
    with pytest.raises(SettingInvalid) as caught:
        SettingsSources(config=write(directory, text)).load()
    return caught.value


def test_an_unknown_key_is_refused_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    error = told(tmp_path, 'name = "team.example.org"\n\n[listen]\n# the address\nhost = "0.0.0.0"\n\nprot = 7443\n')
    assert str(error) == "secure-chat.toml line 7: unknown key `prot`, did you mean `port`?"
    assert error.code == "config.unknown"
    assert str(tmp_path) in error.next_step


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port = 1", "secure-chat.toml line 1: unknown key `port`, did you mean `listen.port`?"),
        ("[lsten]\nport = 1", "secure-chat.toml line 1: unknown key `lsten`, did you mean `listen`?"),
        (
            '[login]\nregistration = "open"',
            "secure-chat.toml line 2: `registration` does not belong to [login]: write it above all tables.",
        ),
        ("\nzzz = 1", "secure-chat.toml line 2: unknown key `zzz`."),
        ("listen = 3", "secure-chat.toml line 1: `listen` is a table, write [listen]."),
        ('[listen]\nport = "a"', "secure-chat.toml line 2: `port` cannot be 'a': Expected `int`, got `str`."),
        ("[listen]\nport = 65536", "secure-chat.toml line 2: `port` cannot be 65536: Expected `int` <= 65535."),
        ("listen.port = 3.0", "secure-chat.toml line 1: `port` cannot be 3.0: Expected `int`, got `float`."),
        (
            'registration = "opn"',
            "secure-chat.toml line 1: `registration` cannot be 'opn': it is one of closed, invite, open.",
        ),
        (
            "[login]\nbcrypt_cost = 9",
            "secure-chat.toml line 2: `bcrypt_cost` cannot be 9: Expected `int` >= 10.",
        ),
        ('name = "a b"', "secure-chat.toml line 1: `name`: 'a b' is not a host name or an address."),
        ("data = 3", "secure-chat.toml line 1: `data` cannot be 3: Expected a path in quotes."),
        ('data = ""', "secure-chat.toml line 1: `data` cannot be '': Expected a path."),
        ("[presence]\ngrace_seconds = nan", None),
        ("[presence]\ngrace_seconds = inf", None),
        ("name = ", "secure-chat.toml line 1: Invalid value."),
        ('name = "x.example"\nname = "y.example"', "secure-chat.toml line 2: Cannot overwrite a value."),
    ],
)
def test_every_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, sentence: str | None) -> None:
    error = told(tmp_path, text)
    assert error.code.startswith("config.")
    assert sentence is None or str(error) == sentence


def test_the_line_of_a_value_is_where_it_begins_even_after_texts_of_many_lines() -> None:
    text = '# one\na = """\nb = 1\n"""\n\nb = [\n  1,\n  2,\n]\n[t]\nc.d = 1\nf = { g = 1 }\n'
    assert [line_of(text, key) for key in ("a", "b", "t.c.d", "t.f.g")] == [2, 6, 11, 12]


def test_a_wrong_value_is_refused_even_where_a_flag_hides_it(tmp_path: Path) -> None:
    sources = SettingsSources(flags=(("listen.port", "1"),), config=write(tmp_path, "[listen]\nport = -1"))
    with pytest.raises(SettingInvalid, match="line 2"):
        sources.load()


def test_a_flag_wins_over_the_environment_over_the_users_file_over_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    user_directory = tmp_path / "config" / "secure-chat"
    user_directory.mkdir(parents=True)
    system_file = tmp_path / "system.toml"
    system_file.write_text(
        'name = "system.example"\nregistration = "open"\n[log]\nlevel = "error"\nfiles = 9\n[listen]\nport = 1\n',
        encoding="utf-8",
    )
    write(user_directory, 'name = "user.example"\nregistration = "closed"\n[log]\nlevel = "debug"\n')
    sources = SettingsSources(
        flags=(("name", "flag.example"),),
        environment=(
            ("SECURE_CHAT_SERVER_NAME", "environment.example"),
            ("SECURE_CHAT_SERVER_REGISTRATION", "invite"),
        ),
        system_file=system_file,
    )
    loaded = sources.load()
    settings, origins = loaded.settings, {origin.key: origin for origin in loaded.origins}
    assert settings.name == "flag.example"
    assert origins["name"].source is Source.FLAG
    assert settings.registration == "invite"
    assert origins["registration"].place == "SECURE_CHAT_SERVER_REGISTRATION"
    assert settings.log.level == "debug"
    assert origins["log.level"].place == "secure-chat.toml line 4"
    assert settings.log.files == 9
    assert origins["log.files"].source is Source.SYSTEM_FILE
    assert settings.log.format == "text"
    assert origins["log.format"].source is Source.DEFAULT


def test_a_file_that_was_named_is_the_only_one_that_is_read(tmp_path: Path) -> None:
    system_file = tmp_path / "system.toml"
    system_file.write_text('registration = "open"', encoding="utf-8")
    sources = SettingsSources(config=write(tmp_path, ""), system_file=system_file)
    assert sources.load().settings.registration == "invite"


def test_a_file_that_was_named_and_is_missing_is_an_error(tmp_path: Path) -> None:
    sources = SettingsSources(config=tmp_path / "none.toml")
    with pytest.raises(SettingsMissing):
        sources.load()
    assert sources.load(may_be_missing=True).settings.name == "localhost"


def test_a_data_directory_that_was_named_brings_its_own_file(tmp_path: Path) -> None:
    write(tmp_path, "[listen]\nport = 1234")
    loaded = SettingsSources(flags=(("data", str(tmp_path)),)).load()
    assert (loaded.settings.listen.port, loaded.settings.data) == (1234, tmp_path)


def test_paths_in_a_file_are_relative_to_it_and_paths_in_flags_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    config = write(tmp_path / "etc", 'data = "../var"\n')
    sources = SettingsSources(flags=(("certificates.directory", "certs"),), config=config.relative_to(tmp_path))
    settings = sources.load().settings
    assert (settings.data, settings.certificate_directory) == (tmp_path / "var", tmp_path / "certs")


@pytest.mark.parametrize("name", ["SECURE_CHAT_SERVER_LISTEN_PRT", "SECURE_CHAT_SERVER_ZZZ"])
def test_an_unknown_variable_with_our_prefix_is_refused(name: str) -> None:
    with pytest.raises(SettingUnknown) as caught:
        SettingsSources(environment=((name, "1"),)).load()
    assert name in str(caught.value)


def test_the_clients_own_variables_are_none_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_CHAT_DATA", "/somewhere")
    assert SettingsSources.of_process().environment == ()


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    assert "larger" in str(told(tmp_path, "#" * (MAX_SETTINGS_FILE_BYTES + 1)))
    (tmp_path / "secure-chat.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SettingInvalid, match="UTF-8"):
        SettingsSources(config=tmp_path / "secure-chat.toml").load()


def test_bcrypt_costs_have_a_floor_and_a_ceiling() -> None:
    for cost in (BCRYPT_COST_FLOOR - 1, BCRYPT_COST_CEILING + 1):
        with pytest.raises(SettingInvalid):
            SettingsSources(flags=(("login.bcrypt_cost", str(cost)),)).load()
    for cost in (BCRYPT_COST_FLOOR, BCRYPT_COST_CEILING):
        assert SettingsSources(flags=(("login.bcrypt_cost", str(cost)),)).load().settings.login.bcrypt_cost == cost


def test_a_reload_takes_over_live_settings_alone() -> None:
    old = Settings()
    new = msgspec.structs.replace(
        old,
        registration="open",
        listen=msgspec.structs.replace(old.listen, port=1),
        log=msgspec.structs.replace(old.log, level="debug", files=7),
    )
    merged = taken_over(old, new)
    assert (merged.registration, merged.log.level) == ("open", "debug")
    assert (merged.listen.port, merged.log.files) == (old.listen.port, old.log.files)
    assert set(needing_restart(old, new)) == {"listen.port", "log.files"}


def test_every_setting_has_a_default_a_sentence_and_a_page_that_names_it() -> None:
    settings = Settings()
    for row in SETTINGS:
        assert row.sentence.endswith("."), row.key
        assert value_of(settings, row.key) is not None or row.key == "certificates.directory"
    assert PAGE.read_text(encoding="utf-8") == page_text(), "run: python -m tests.documents.settings_page"


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    for row in SETTINGS:
        with pytest.raises(AttributeError):
            setattr(settings, row.name, "other")


def test_a_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "a" / "var")
    assert directory.prepare()
    assert not directory.prepare()
    for path in (directory.path, directory.log.parent, directory.run):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "var")
    directory.prepare()
    directory.run.chmod(0o750)
    with pytest.raises(DataDirectoryUnusable, match="Others could enter"):
        directory.prepare()


def test_a_socket_below_a_very_long_path_can_be_reached(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        with socket_address(deep / "s.sock") as address:
            listener.bind(address)
        listener.listen()
        with socket_address(deep / "s.sock") as address:
            caller.connect(address)
    assert (deep / "s.sock").exists()


def bounds(row: Setting) -> Meta:
    return next(part for part in row.kind.__metadata__ if isinstance(part, Meta))


BOUNDED = [row for row in SETTINGS if bounds(row).le is not None]


@pytest.mark.parametrize("row", BOUNDED, ids=lambda row: row.key)
def test_every_bound_of_a_setting_is_inside_and_what_is_past_it_outside(row: Setting) -> None:
    low, high = bounds(row).ge, bounds(row).le
    assert high is not None
    for value in (high, row.default if low is None else low):
        loaded = SettingsSources(flags=((row.key, str(value)),)).load()
        assert value_of(loaded.settings, row.key) == value
    for value in (high + 1, 0 if low is None else low - 1):
        with pytest.raises(SettingInvalid, match=row.name):
            SettingsSources(flags=((row.key, str(value)),)).load()


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=80), st.sampled_from([row.key for row in SETTINGS]).map(lambda key: f"{key} = []")))
def test_whatever_stands_in_a_file_is_taken_or_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secure-chat.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    told = ""
    try:
        SettingsSources(config=path).load()
    except SettingInvalid as error:
        told = str(error)
    assert not told or "secure-chat.toml" in told
