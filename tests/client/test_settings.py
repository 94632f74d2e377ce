"""Settings: flag before environment before the person's file before the machine's before the default, and said so."""

from pathlib import Path

import pytest

from secure_chat.client.settings import Settings, load_settings
from secure_chat.errors import SettingInvalid, SettingsMissing, SettingsUnreadable, SettingUnknown
from secure_chat.limits import MAX_CLIENT_SETTINGS_BYTES, RECONNECT_MOST_SECONDS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client.toml"


def origins(settings: Settings) -> dict[str, str]:
    return {found.name: found.origin for found in settings.found}


def test_the_first_source_that_names_a_setting_wins_and_is_named(file: Path) -> None:
    file.write_text('profile = "from-file"\ncolor = "never"\nretry_most_seconds = 7\n', encoding="utf-8")
    environment = {"SECURE_CHAT_PROFILE": "from-environment", "SECURE_CHAT_DATA": "/from/environment"}
    settings = load_settings({"profile": "from-flag", "data": None}, file, environment)
    assert settings.profile == "from-flag"
    assert settings.data == Path("/from/environment")
    assert (settings.color, settings.retry_most) == (False, 7.0)
    assert origins(settings) == {
        "profile": "--profile",
        "data": "SECURE_CHAT_DATA",
        "passphrase_file": "default",
        "color": f"{file} line 2",
        "retry_first_seconds": "default",
        "retry_most_seconds": f"{file} line 3",
    }


def test_the_persons_file_comes_before_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    for directory, text in ((own, 'profile = "mine"\n'), (shared, 'profile = "ours"\ncolor = "never"\n')):
        (directory / "secure-chat").mkdir(parents=True)
        (directory / "secure-chat" / "client.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(shared))
    settings = load_settings({}, None, {})
    assert (settings.profile, settings.color) == ("mine", False)


def test_without_any_source_there_are_defaults_and_no_colour_where_it_is_not_wanted() -> None:
    assert load_settings({}, None, {"SECURE_CHAT_CONFIG": "/dev/null"}).color
    plain = load_settings({}, None, {"SECURE_CHAT_CONFIG": "/dev/null", "NO_COLOR": "1"})
    assert (plain.profile, plain.data, plain.color, plain.retry_most) == (None, None, False, RECONNECT_MOST_SECONDS)


def test_an_unknown_key_is_refused_with_its_line_and_what_may_have_been_meant(file: Path) -> None:
    file.write_text('# mine\nprofil = "alice"\n', encoding="utf-8")
    with pytest.raises(SettingUnknown, match=r"line 2: unknown key `profil`, did you mean `profile`\?"):
        load_settings({}, file, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("color = 'pink'", "`color` is one of auto, never"),
        ("retry_first_seconds = 0", "`retry_first_seconds` is a number of seconds"),
        ("retry_first_seconds = 'soon'", "`retry_first_seconds` is a number of seconds"),
        ("profile = true", "`profile` is a text or a number"),
        ("profile =", "client.toml"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_reason(text: str, reason: str, file: Path) -> None:
    file.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(SettingInvalid, match=reason):
        load_settings({}, file, {})


def test_a_file_that_was_named_must_be_there_and_readable(file: Path) -> None:
    with pytest.raises(SettingsMissing):
        load_settings({}, file, {})
    file.mkdir()
    with pytest.raises(SettingsUnreadable):
        load_settings({}, file, {})


def test_no_more_of_a_file_is_read_than_settings_can_be_long(file: Path) -> None:
    file.write_text("#" * MAX_CLIENT_SETTINGS_BYTES + '\nprofile = "beyond"\n', encoding="utf-8")
    assert load_settings({}, file, {}).profile is None
