"""Where settings come from: flags, environment, the user's file, the system's file, defaults; who won, and mistakes."""

import difflib
import enum
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from secure_chat.certificates.hosts import canonical_host
from secure_chat.errors import (
    ChatError,
    SettingInvalid,
    SettingsMissing,
    SettingsUnreadable,
    SettingUnknown,
)
from secure_chat.limits import MAX_SETTINGS_FILE_BYTES
from secure_chat.server.settings.model import SETTINGS, Setting, Settings, build
from secure_chat.server.settings.paths import (
    CHECKOUT_SETTINGS_FILE,
    SYSTEM_SETTINGS_FILE,
    DataDirectory,
    user_settings_file,
)

ENVIRONMENT_PREFIX: Final = "SECURE_CHAT_SERVER_"  # the client has SECURE_CHAT_DATA and others of its own
CONFIG_VARIABLE: Final = "SECURE_CHAT_SERVER_CONFIG"

_BY_KEY: Final = {row.key: row for row in SETTINGS}
_TABLES: Final = frozenset(row.table for row in SETTINGS if row.table)
_CLOSE: Final = 0.6  # how alike a suggestion must be
_AT_LINE: Final = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")


class Source(enum.Enum):
    """What named a value, the strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    USER_FILE = "user file"
    SYSTEM_FILE = "system file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of one setting comes from."""

    key: str
    source: Source
    place: str = ""  # "secure-chat.toml line 7", a variable, a flag


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for one setting as somebody wrote it: a TOML value, or text from a flag or the environment."""

    key: str
    value: object
    origin: Origin
    base: Path  # what a relative path is relative to
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Checked settings, where each value comes from, and the file that a reload reads again."""

    settings: Settings
    origins: tuple[Origin, ...]
    files: tuple[Path, ...]  # that were read, the strongest first

    def is_decided(self, key: str) -> bool:
        """Whether anybody named a value for this key."""
        return any(origin.key == key and origin.source is not Source.DEFAULT for origin in self.origins)


@dataclass(frozen=True, slots=True)
class SettingsSources:
    """Everything that settings are made of; `load` may be called again for a reload.

    `flags`: pairs of dotted key and text. `config`: the only file to read; None: a `secure-chat.toml` in the data
    directory that a flag or the environment names, otherwise the user's and the system's.
    """

    flags: tuple[tuple[str, str], ...] = ()
    config: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()
    system_file: Path = SYSTEM_SETTINGS_FILE

    @classmethod
    def of_process(cls, flags: Sequence[tuple[str, str]] = (), config: Path | None = None) -> "SettingsSources":
        """The sources of this process: its arguments and its environment."""
        named = os.environ.get(CONFIG_VARIABLE, "")
        if config is None and named:
            config = Path(named)
        variables = sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith(ENVIRONMENT_PREFIX) and name != CONFIG_VARIABLE
        )
        return cls(tuple(flags), config, tuple(variables))

    def settings_file(self) -> Path:
        """The file that is the user's: the one named, the data directory's, or the one of the XDG rules."""
        if self.config is not None:
            return self.config
        texts = [*_from_environment(self.environment), *_from_flags(self.flags)]
        data = [assignment for assignment in texts if assignment.key == "data"]
        if data:
            return DataDirectory(_converted(data[-1])).settings_file
        return user_settings_file()

    def passed_over(self) -> Path | None:
        """The settings file of the checkout that is the working directory, where nothing names an installation.

        It is not read then; whoever started its server by `make run` may believe that it is.
        """
        if self.config is not None or self.settings_file() != user_settings_file():
            return None
        return CHECKOUT_SETTINGS_FILE if os.path.isfile(CHECKOUT_SETTINGS_FILE) else None

    def load(self, *, may_be_missing: bool = False) -> LoadedSettings:
        """Read and check everything. Raises `SettingInvalid` and its kinds, with file and line where there is one.

        `may_be_missing`: no error when the file that was named does not exist yet.
        """
        layers: list[Assignment] = []  # the weakest first
        files: list[Path] = []
        user_file = self.settings_file()
        alone = self.config is not None or user_file != user_settings_file()
        for path, source in ((self.system_file, Source.SYSTEM_FILE), (user_file, Source.USER_FILE)):
            if source is Source.SYSTEM_FILE and alone:
                continue
            if path.exists():
                files.insert(0, path)
                layers += _from_file(path, source)
            elif path == self.config and not may_be_missing:
                raise SettingsMissing(f"There is no settings file {path}.")
        layers += _from_environment(self.environment)
        layers += _from_flags(self.flags)
        return _decide(layers, tuple(files))


def _decide(layers: Iterable[Assignment], files: tuple[Path, ...]) -> LoadedSettings:
    values: dict[str, Any] = {}
    origins = {row.key: Origin(row.key, Source.DEFAULT) for row in SETTINGS}
    for assignment in layers:
        values[assignment.key] = _converted(assignment)  # a value that a stronger source hides is checked as well
        origins[assignment.key] = assignment.origin
    return LoadedSettings(build(values), tuple(origins.values()), files)


# --- sources -------------------------------------------------------------------------------------


def _from_file(path: Path, source: Source) -> list[Assignment]:
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = at[1] if at and at[1] else len(text.splitlines())
        raise SettingsUnreadable(
            f"{path.name} line {line}: {_AT_LINE.sub('', str(error)).strip()}.", hint=f"the file is {path}"
        ) from None
    assignments: list[Assignment] = []
    for key, value in _flattened(document):
        place = f"{path.name} line {line_of(text, key)}"
        if key not in _BY_KEY:
            raise _unknown(place, key, hint=f"the file is {path}")
        assignments.append(Assignment(key, value, Origin(key, source, place), path.parent.absolute()))
    return assignments


def _from_environment(variables: Iterable[tuple[str, str]]) -> list[Assignment]:
    keys = {ENVIRONMENT_PREFIX + key.replace(".", "_").upper(): key for key in _BY_KEY}
    assignments: list[Assignment] = []
    for name, value in variables:
        if name not in keys:
            near = difflib.get_close_matches(name, keys, 1, _CLOSE)
            asked = f", did you mean {near[0]}?" if near else "."
            raise SettingUnknown(f"environment: unknown variable {name}{asked}")
        origin = Origin(keys[name], Source.ENVIRONMENT, name)
        assignments.append(Assignment(keys[name], value, origin, Path.cwd(), is_text=True))
    return assignments


def _from_flags(flags: Iterable[tuple[str, str]]) -> list[Assignment]:
    assignments: list[Assignment] = []
    for key, value in flags:
        if key not in _BY_KEY:
            raise _unknown("arguments", key)
        origin = Origin(key, Source.FLAG, "arguments")
        assignments.append(Assignment(key, value, origin, Path.cwd(), is_text=True))
    return assignments


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SETTINGS_FILE_BYTES + 1)
        if len(data) > MAX_SETTINGS_FILE_BYTES:
            raise SettingsUnreadable(f"{path} is larger than {MAX_SETTINGS_FILE_BYTES:,} bytes.")
        return data.decode("utf-8")
    except OSError as error:
        raise SettingsUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsUnreadable(f"{path} is not UTF-8 text.") from None


def _flattened(document: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        key = prefix + name
        if isinstance(value, Mapping) and key in _TABLES:
            yield from _flattened(value, f"{key}.")
        else:
            yield key, value


# --- mistakes ------------------------------------------------------------------------------------


def line_of(text: str, key: str) -> int:
    """The line, from 1, on which the value of the dotted `key` begins in a valid TOML document `text`.

    The shortest whole document that has the key ends on the value's last line; it begins after the longest one
    before that is whole as well, for between the two nothing but this value can stand.
    """
    lines = text.splitlines(keepends=True)
    whole = 0
    for count in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(document, key.split(".")):
            return whole + 1
        whole = count
    return len(lines)


def _has(document: object, parts: Sequence[str]) -> bool:
    for part in parts:
        if not isinstance(document, Mapping) or part not in document:
            return False
        document = document[part]
    return True


def _unknown(place: str, key: str, hint: str = "") -> SettingUnknown:
    table, _, name = key.rpartition(".")
    if key in _TABLES:
        return SettingUnknown(f"{place}: `{name}` is a table, write [{name}].", hint=hint)
    near = _suggestion(table, name)
    if near == name:  # it exists, and stands elsewhere
        return SettingUnknown(f"{place}: `{name}` does not belong to [{table}]: write it above all tables.", hint=hint)
    asked = f", did you mean `{near}`?" if near else "."
    return SettingUnknown(f"{place}: unknown key `{name}`{asked}", hint=hint)


def _suggestion(table: str, name: str) -> str:
    """A key or table that `name` may have been meant to be: one of the same table first, else one of another."""
    here = [row.name for row in SETTINGS if row.table == table]
    if not table:
        here += _TABLES
    if near := difflib.get_close_matches(name, here, 1, _CLOSE):
        return near[0]
    elsewhere = {row.name: row.key for row in SETTINGS}
    near = difflib.get_close_matches(name, elsewhere, 1, _CLOSE)
    return elsewhere[near[0]] if near else ""


def _converted(assignment: Assignment) -> Any:
    """The checked value. Raises `SettingInvalid`."""
    row = _BY_KEY[assignment.key]
    place, name = assignment.origin.place, row.key if assignment.is_text else row.name

    def path_of(kind: type, value: object) -> object:
        if kind is not Path or not isinstance(value, str):
            raise TypeError("Expected a path in quotes")
        if not value or "\0" in value:
            raise ValueError("Expected a path")
        # normpath, not resolve: a symbolic link that an operator set up stays the way he wrote it
        return Path(os.path.normpath(assignment.base / Path(value).expanduser()))

    try:
        value = msgspec.convert(
            assignment.value, row.kind, strict=not assignment.is_text, dec_hook=path_of, builtin_types=None
        )
        return _checked(row, value)
    except msgspec.ValidationError as error:
        reason = f"it is one of {', '.join(row.choices)}" if row.choices else str(error).rstrip(".")
        raise SettingInvalid(f"{place}: `{name}` cannot be {_shown(assignment.value)}: {reason}.") from None
    except ChatError as error:
        raise SettingInvalid(f"{place}: `{name}`: {error}", hint=error.next_step) from None


def _checked(row: Setting, value: Any) -> Any:
    if row.key in ("listen.host", "name"):
        return canonical_host(value)
    return value


def _shown(value: object) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
