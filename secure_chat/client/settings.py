"""The client's settings: a flag, else the environment, else the person's file, else the machine's, else the default."""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secure_chat.errors import SettingInvalid, SettingsMissing, SettingsUnreadable, SettingUnknown
from secure_chat.limits import (
    MAX_CLIENT_SETTINGS_BYTES,
    MAX_RETRY_SECONDS,
    RECONNECT_FIRST_SECONDS,
    RECONNECT_MOST_SECONDS,
)

FILE_NAME: Final = "client.toml"
FILE_VARIABLE: Final = "SECURE_CHAT_CONFIG"

_APPLICATION: Final = "secure-chat"
_COLORS: Final = ("auto", "never")


@dataclass(frozen=True, slots=True)
class Found:
    """One setting's value as it was written, and where."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. `found`: where each came from, for `config show --origin`."""

    profile: str | None
    data: Path | None
    passphrase_file: Path | None
    color: bool
    retry_first: float  # seconds
    retry_most: float
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class _Setting:
    name: str
    variable: str
    default: str
    meaning: str
    check: Callable[[str], object]


def _text(value: str) -> str:
    return value


def _color(value: str) -> str:
    if value not in _COLORS:
        raise ValueError(f"is one of {', '.join(_COLORS)}")
    return value


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_RETRY_SECONDS:
        raise ValueError(f"is a number of seconds up to {MAX_RETRY_SECONDS:.0f}")
    return seconds


SETTINGS: Final = (
    _Setting("profile", "SECURE_CHAT_PROFILE", "", "which profile, when there are several", _text),
    _Setting("data", "SECURE_CHAT_DATA", "", "directory of the profiles", _text),
    _Setting("passphrase_file", "SECURE_CHAT_PASSPHRASE_FILE", "", "file that holds the passphrase", _text),
    _Setting("color", "SECURE_CHAT_COLOR", "auto", "auto or never", _color),
    _Setting(
        "retry_first_seconds",
        "SECURE_CHAT_RETRY_FIRST_SECONDS",
        f"{RECONNECT_FIRST_SECONDS:g}",
        "wait before the first new connection",
        _seconds,
    ),
    _Setting(
        "retry_most_seconds",
        "SECURE_CHAT_RETRY_MOST_SECONDS",
        f"{RECONNECT_MOST_SECONDS:g}",
        "longest wait between two connections",
        _seconds,
    ),
)
_NAMES: Final = tuple(setting.name for setting in SETTINGS)


def load_settings(
    flags: Mapping[str, str | None], file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """The settings in force. `flags`: by name, None where a flag was not given; `file`: in place of the person's own.

    Raises `SettingUnknown`, `SettingInvalid`, `SettingsUnreadable`, and `SettingsMissing` for a file that was named.
    """
    layers = [*_from_flags(flags), *_from_environment(environment), *_from_files(file, environment)]
    defaults = [Found(setting.name, setting.default, "default") for setting in SETTINGS]
    winners: dict[str, Found] = {}
    for found in (*layers, *defaults):
        winners.setdefault(found.name, found)
    for setting in SETTINGS:
        _check(setting, winners[setting.name])
    first, most = float(winners["retry_first_seconds"].value), float(winners["retry_most_seconds"].value)
    return Settings(
        profile=winners["profile"].value or None,
        data=_path(winners["data"].value),
        passphrase_file=_path(winners["passphrase_file"].value),
        color=winners["color"].value == "auto" and not environment.get("NO_COLOR"),
        retry_first=min(first, most),
        retry_most=most,
        found=tuple(winners[setting.name] for setting in SETTINGS),
    )


def _from_flags(flags: Mapping[str, str | None]) -> list[Found]:
    return [Found(name, value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None]


def _from_environment(environment: Mapping[str, str]) -> list[Found]:
    return [
        Found(setting.name, environment[setting.variable], setting.variable)
        for setting in SETTINGS
        if environment.get(setting.variable)
    ]


def _from_files(named: Path | None, environment: Mapping[str, str]) -> list[Found]:
    chosen = named or _path(environment.get(FILE_VARIABLE, ""))
    if chosen is not None:
        if not chosen.exists():
            raise SettingsMissing(f"There is no settings file {chosen}.", hint="leave --config out")
        return _read(chosen)
    from platformdirs import site_config_path, user_config_path

    own = user_config_path(_APPLICATION, appauthor=False) / FILE_NAME
    shared = site_config_path(_APPLICATION, appauthor=False) / FILE_NAME
    return [found for path in (own, shared) if path.exists() for found in _read(path)]


def _read(path: Path) -> list[Found]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CLIENT_SETTINGS_BYTES).decode("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise SettingsUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingInvalid(f"{path}: {error}.") from error
    found: list[Found] = []
    for name, value in table.items():
        line = _line_of(text, name)
        if name not in _NAMES:
            raise SettingUnknown(f"{path} line {line}: unknown key `{name}`{_suggestion(name)}.")
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise SettingInvalid(f"{path} line {line}: `{name}` is a text or a number.")
        found.append(Found(name, str(value), f"{path} line {line}"))
    return found


def _check(setting: _Setting, found: Found) -> None:
    try:
        setting.check(found.value)
    except ValueError as error:
        raise SettingInvalid(f"{found.origin}: `{setting.name}` {error}.") from error


def _line_of(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.partition("=")[0].strip().strip("[]\"'") == name:
            return number
    return 1


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, _NAMES, n=1)
    return f", did you mean `{near[0]}`?" if near else ""


def _path(value: str) -> Path | None:
    return Path(value).expanduser() if value else None
