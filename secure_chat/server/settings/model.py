"""Every setting of the server: its type, its bounds, its default, and whether a reload takes it over."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Meta

from secure_chat import limits
from secure_chat.server.settings.paths import DataDirectory, default_data_directory


def _setting(live: bool, sentence: str, **bounds: Any) -> Meta:
    return Meta(description=sentence, extra={"live": live}, **bounds)


def _live(sentence: str, **bounds: Any) -> Meta:
    """A setting that a reload takes over."""
    return _setting(True, sentence, **bounds)


def _restart(sentence: str, **bounds: Any) -> Meta:
    """A setting that only a new start takes over."""
    return _setting(False, sentence, **bounds)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file."""


class Listen(Section, frozen=True):
    """Where connections are taken."""

    host: Annotated[str, _restart("Address to listen on; 0.0.0.0 or :: for all.")] = limits.DEFAULT_LISTEN_HOST
    port: Annotated[int, _restart("TCP port; 0 takes a free one.", ge=0, le=65535)] = limits.DEFAULT_PORT


class Certificates(Section, frozen=True):
    """Where certificates and keys lie."""

    directory: Annotated[
        Path | None, _live("Directory of secure-chat-certs; by default `certs` below the data directory.")
    ] = None


class Threads(Section, frozen=True):
    """How many threads do what."""

    io: Annotated[int, _restart("Threads that own connections.", ge=1, le=limits.MAX_IO_THREADS)] = 1
    authentication: Annotated[
        int,
        _restart(
            "Threads that compute bcrypt, at nice 19; 0: one fewer than cores, at least one.",
            ge=0,
            le=limits.MAX_AUTHENTICATION_THREADS,
        ),
    ] = 0


class LoginRules(Section, frozen=True):
    """How passphrases are kept and guesses slowed."""

    bcrypt_cost: Annotated[
        int,
        _live("Cost of new password hashes.", ge=limits.BCRYPT_COST_FLOOR, le=limits.BCRYPT_COST_CEILING),
    ] = limits.BCRYPT_COST
    tries: Annotated[
        int, _live("Wrong passphrases for one name from one address before a pause.", ge=1, le=limits.MAX_LOGIN_TRIES)
    ] = limits.MAX_FAILED_LOGINS
    pause_seconds: Annotated[float, _live("Length of that pause.", ge=1, le=limits.MAX_LOGIN_PAUSE_SECONDS)] = (
        limits.FAILED_LOGIN_PAUSE_SECONDS
    )


class Rates(Section, frozen=True):
    """Token buckets: how often, and how many at once."""

    posts_per_second: Annotated[
        float, _live("Messages, topics and kicks of one account.", gt=0, le=limits.MAX_RATE)
    ] = limits.POSTS_PER_SECOND
    posts_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.POSTS_BURST
    joins_per_second: Annotated[
        float, _live("Joins, leaves, new rooms and invites of one account.", gt=0, le=limits.MAX_RATE)
    ] = limits.JOINS_PER_SECOND
    joins_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.JOINS_BURST
    directs_per_second: Annotated[float, _live("Direct messages of one account.", gt=0, le=limits.MAX_RATE)] = (
        limits.DIRECTS_PER_SECOND
    )
    directs_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.DIRECTS_BURST
    acknowledgements_per_second: Annotated[
        float, _live("Acknowledgements of direct messages by one account.", gt=0, le=limits.MAX_RATE)
    ] = limits.ACKNOWLEDGEMENTS_PER_SECOND
    acknowledgements_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = (
        limits.ACKNOWLEDGEMENTS_BURST
    )
    claims_per_minute: Annotated[
        float, _live("Questions of one account for others' prekeys.", gt=0, le=limits.MAX_RATE)
    ] = limits.CLAIMS_PER_MINUTE
    claims_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.CLAIMS_BURST
    reads_per_second: Annotated[
        float, _live("History, search, lists and prekey uploads of one account.", gt=0, le=limits.MAX_RATE)
    ] = limits.READS_PER_SECOND
    reads_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.READS_BURST
    logins_per_minute: Annotated[
        float, _live("Logins by passphrase and recoveries from one address (IPv6: /64).", gt=0, le=limits.MAX_RATE)
    ] = limits.LOGINS_PER_MINUTE
    logins_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = limits.LOGINS_BURST
    registrations_per_hour: Annotated[
        float, _live("Registrations from one address (IPv6: /64).", gt=0, le=limits.MAX_RATE)
    ] = limits.REGISTRATIONS_PER_HOUR
    registrations_burst: Annotated[int, _live("So many of them at once.", ge=1, le=limits.MAX_BURST)] = (
        limits.REGISTRATIONS_BURST
    )


class InviteRules(Section, frozen=True):
    """Who may invite."""

    by_members: Annotated[bool, _live("Members may invite by themselves, not administrators alone.")] = True


class PresenceRules(Section, frozen=True):
    """Who counts as online."""

    grace_seconds: Annotated[
        float,
        _restart(
            "Somebody whose connection ended is still shown as online for so long.",
            ge=0,
            le=limits.MAX_PRESENCE_GRACE_SECONDS,
        ),
    ] = limits.PRESENCE_GRACE_SECONDS


LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["text", "json"]
Registration: TypeAlias = Literal["closed", "invite", "open"]


class Log(Section, frozen=True):
    """What is logged, and where."""

    level: Annotated[LogLevel, _live("Least important lines that are written.")] = "info"
    format: Annotated[LogFormat, _live("Lines for people, or one JSON object each.")] = "text"
    standard_error: Annotated[bool, _live("Write to standard error, too.")] = True
    file_bytes: Annotated[
        int,
        _restart("A log file that would grow past this is rotated.", ge=limits.MIN_LOG_FILE_BYTES, le=2**40),
    ] = limits.LOG_FILE_BYTES
    files: Annotated[int, _restart("Rotated files that are kept.", ge=1, le=limits.MAX_LOG_FILES)] = limits.LOG_FILES


class Settings(Section, frozen=True):
    """All settings, checked; a reload makes a new one and swaps it whole."""

    data: Annotated[Path, _restart("Directory of the database, the log and the administration socket.")] = (
        msgspec.field(default_factory=default_data_directory)
    )
    name: Annotated[str, _live("Host name that invite links name; the certificate must be for it.")] = "localhost"
    registration: Annotated[Registration, _live("Who may make an account: nobody, who has an invite, everybody.")] = (
        "invite"
    )
    listen: Listen = Listen()
    certificates: Certificates = Certificates()
    threads: Threads = Threads()
    login: LoginRules = LoginRules()
    rates: Rates = Rates()
    invites: InviteRules = InviteRules()
    presence: PresenceRules = PresenceRules()
    log: Log = Log()

    @property
    def directory(self) -> DataDirectory:
        """The data directory and what lies in it."""
        return DataDirectory(self.data)

    @property
    def certificate_directory(self) -> Path:
        """The directory in the layout of secure-chat-certs."""
        return self.certificates.directory or self.data / "certs"


class Setting(msgspec.Struct, frozen=True):
    """One row of the table of settings."""

    key: str  # dotted, as in the file: "listen.port"
    kind: Any  # the annotated type that a value is converted to
    default: Any
    live: bool
    sentence: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it can be; empty when it is no choice of words."""
        inner = self.kind.__origin__
        return get_args(inner) if get_origin(inner) is Literal else ()

    @property
    def table(self) -> str:
        """The table of the file that the key stands in; empty at the top."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The key inside its table."""
        return self.key.rpartition(".")[2]


def _catalogue(section: type[Section], prefix: str = "") -> list[Setting]:
    rows: list[Setting] = []
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            rows += _catalogue(field.type, f"{field.name}.")
            continue
        meta = next(part for part in field.type.__metadata__ if isinstance(part, Meta))
        default = None if field.default is msgspec.NODEFAULT else field.default
        extra = meta.extra or {}
        rows.append(Setting(prefix + field.name, field.type, default, extra["live"], meta.description or ""))
    return rows


SETTINGS: Final[tuple[Setting, ...]] = tuple(_catalogue(Settings))
"""Every setting, in the order of the file."""


def value_of(settings: Settings, key: str) -> Any:
    """The value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def needing_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """The keys that differ and that only a new start takes over."""
    return tuple(row.key for row in SETTINGS if not row.live and value_of(old, row.key) != value_of(new, row.key))


def taken_over(old: Settings, new: Settings) -> Settings:
    """What a reload makes of `old` and `new`: live settings from `new`, all others from `old`."""
    kept = {row.key: value_of(old if not row.live else new, row.key) for row in SETTINGS}
    return build(kept)


def build(values: dict[str, Any]) -> Settings:
    """Settings from converted values by dotted key; what is missing has its default."""
    top = {key: value for key, value in values.items() if "." not in key}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            prefix = f"{field.name}."
            inner = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
            top[field.name] = field.type(**inner)
    return Settings(**top)
