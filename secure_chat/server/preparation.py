"""What a first start makes: data directory, authority and certificates, settings file; nothing is ever overwritten."""

import contextlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from secure_chat.certificates.files import make_directories
from secure_chat.certificates.pins import authority_pin, format_pin, log_pin
from secure_chat.certificates.store import CertificateDirectory, prepare
from secure_chat.errors import SettingsUnreadable
from secure_chat.limits import CERTIFICATE_DAYS
from secure_chat.server.settings.model import Settings
from secure_chat.server.settings.sources import LoadedSettings, SettingsSources

LOCAL_NAME: Final = "localhost"
EVERYWHERE: Final = str(ipaddress.IPv4Address(0))  # what a server with a name of the network listens on
SETTINGS_FILE_MODE: Final = 0o600
_UNROUTED: Final = ("192.0.2.1", 9)  # RFC 5737: documentation; nothing is sent there

_SETTINGS_FILE: Final = """\
# Settings of secure-chat-server. All there are: docs/settings.md. What is in force, and which file or flag says so:
# secure-chat-server check-config --origin
name = {name}  # what invites name; the certificate must be for it
data = {data}
registration = {registration}  # closed, invite or open

[listen]
host = {host}
port = {port}

[certificates]
directory = {certificates}
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was made. `pin`: as people compare it, or empty."""

    what: str
    sentence: str
    pin: str = ""


@dataclass(frozen=True, slots=True)
class PreparedInstallation:
    """What was made, in order, and the settings that are in force now."""

    steps: tuple[Step, ...]
    settings: Settings
    settings_file: Path


def prepare_installation(sources: SettingsSources) -> PreparedInstallation:
    """Make what is missing. What is there stays as it is; a run that was cut short is continued.

    Raises `SettingInvalid` and its kinds, `CertificateError`, `DataDirectoryUnusable`.
    """
    path = sources.settings_file()
    loaded = sources.load(may_be_missing=True)
    settings = loaded.settings if path.exists() else first_settings(loaded)
    steps: list[Step] = []
    if settings.directory.prepare():
        steps.append(Step("data_directory", "data directory created (0700)"))
    steps += _make_certificates(settings)
    if not path.exists():
        _write_new(path, settings_text(settings, path.parent.absolute()))
        sources.load()
        steps.append(Step("settings", f"settings written: {path.name} (checked)"))
    return PreparedInstallation(tuple(steps), settings, path)


def first_settings(loaded: LoadedSettings) -> Settings:
    """What a new settings file says: a name that is not this machine's own is for others, who must get in."""
    settings = loaded.settings
    if is_local(settings.name) or loaded.is_decided("listen.host"):
        return settings
    return msgspec.structs.replace(settings, listen=msgspec.structs.replace(settings.listen, host=EVERYWHERE))


def settings_text(settings: Settings, base: Path) -> str:
    """The text of a settings file in the directory `base`; paths nearby are relative, so that all may move together."""
    return _SETTINGS_FILE.format(
        name=_quoted(settings.name),
        data=_quoted(_path_from(base, settings.data)),
        registration=_quoted(settings.registration),
        host=_quoted(settings.listen.host),
        port=settings.listen.port,
        certificates=_quoted(_path_from(base, settings.certificate_directory)),
    )


def is_local(name: str) -> bool:
    """Whether a name means this machine alone."""
    if name == LOCAL_NAME or name.endswith(f".{LOCAL_NAME}"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def certificate_names(name: str) -> Sequence[str]:
    """What the first certificate is for: the name in invites, and this machine's own address beside it."""
    if is_local(name):
        return list(dict.fromkeys([name, LOCAL_NAME, "127.0.0.1", "::1"]))
    return list(dict.fromkeys([name, *_own_address()]))


def _own_address() -> Sequence[str]:
    """The address by which this machine reaches others, as its routing table has it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_UNROUTED)
        except OSError:
            return []
        address = str(probe.getsockname()[0])
    return [] if ipaddress.ip_address(address).is_loopback else [address]


def _make_certificates(settings: Settings) -> list[Step]:
    directory = CertificateDirectory(settings.certificate_directory)
    made = prepare(directory, certificate_names(settings.name), datetime.now(UTC))
    steps: list[Step] = []
    if made.authority_made:
        pin = format_pin(authority_pin(made.identity.authority))
        steps.append(Step("authority", "certificate authority made (EC P-256)", pin))
    if made.log_key_made:
        steps.append(Step("log_key", "key log's signing key made", format_pin(log_pin(made.identity.log_public_key))))
    if made.server_certificate_made:
        names = ", ".join(made.identity.names)
        steps.append(Step("server_certificate", f"server certificate for {names} ({CERTIFICATE_DAYS} days)"))
    return steps


def _path_from(base: Path, target: Path) -> str:
    for near in (base, base.parent):
        if target.is_relative_to(near) and near != near.parent:
            return os.path.relpath(target, base)
    return str(target)


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's is one, for what a path or a name can hold."""
    return msgspec.json.encode(text).decode("utf-8")


def _write_new(path: Path, text: str) -> None:
    """Whole or not at all, and never over a file that came to be meanwhile."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with contextlib.suppress(FileExistsError):
            make_directories(path.parent)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SETTINGS_FILE_MODE)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, path)
        finally:
            unfinished.unlink()
    except OSError as error:
        raise SettingsUnreadable(f"{path} cannot be written: {error.strerror}.") from None
