"""With what number a command ends: one table for all commands, and which error belongs to which number."""

from enum import IntEnum
from typing import Final

from secure_chat.errors import ChatError


class ExitCode(IntEnum):
    """What a script may rely on."""

    OK = 0
    BUG = 1
    USAGE = 2  # arguments or settings
    NETWORK = 3
    SERVER_IDENTITY = 4  # TLS, pins, keys that do not verify
    PERMISSION = 5  # login, rights, files of others
    RECIPIENT_KEY = 6  # changed or untrusted
    RATE_LIMITED = 7
    NOT_FOUND = 8
    PARTLY_SENT = 9
    PROFILE_BUSY = 10
    INTERRUPTED = 130  # 128 and SIGINT, as shells count


# By the part of a code before its first dot; a code that differs from its family stands in the second table.
_FAMILIES: Final = {
    "internal": ExitCode.BUG,
    "encoding": ExitCode.BUG,
    "frame": ExitCode.BUG,
    "command": ExitCode.BUG,
    "storage": ExitCode.BUG,
    "config": ExitCode.USAGE,
    "usage": ExitCode.USAGE,
    "name": ExitCode.USAGE,
    "room": ExitCode.USAGE,
    "message": ExitCode.USAGE,
    "search": ExitCode.USAGE,
    "certificate": ExitCode.USAGE,
    "host": ExitCode.USAGE,
    "link": ExitCode.USAGE,
    "recovery": ExitCode.USAGE,
    "passphrase": ExitCode.USAGE,
    "keys": ExitCode.USAGE,
    "profile": ExitCode.USAGE,
    "net": ExitCode.NETWORK,
    "server": ExitCode.NETWORK,
    "session": ExitCode.NETWORK,
    "slow": ExitCode.NETWORK,
    "deadline": ExitCode.NETWORK,
    "tls": ExitCode.SERVER_IDENTITY,
    "login": ExitCode.SERVER_IDENTITY,
    "signature": ExitCode.SERVER_IDENTITY,
    "device_list": ExitCode.SERVER_IDENTITY,
    "prekey": ExitCode.SERVER_IDENTITY,
    "log": ExitCode.SERVER_IDENTITY,
    "auth": ExitCode.PERMISSION,
    "permission": ExitCode.PERMISSION,
    "registration": ExitCode.PERMISSION,
    "invite": ExitCode.PERMISSION,
    "store": ExitCode.PERMISSION,
    "device": ExitCode.PERMISSION,
    "vault": ExitCode.PERMISSION,
    "key": ExitCode.RECIPIENT_KEY,
    "trust": ExitCode.RECIPIENT_KEY,
    "direct": ExitCode.NOT_FOUND,
    "rate": ExitCode.RATE_LIMITED,
    "busy": ExitCode.RATE_LIMITED,
    "user": ExitCode.NOT_FOUND,
}
_CODES: Final = {
    "direct.self": ExitCode.USAGE,
    "direct.no_keys": ExitCode.RECIPIENT_KEY,
    "direct.full": ExitCode.RATE_LIMITED,
    "direct.newcomers": ExitCode.RATE_LIMITED,
    "direct.mismatch": ExitCode.BUG,
    "direct.invalid": ExitCode.BUG,
    "server.nonsense": ExitCode.BUG,
    "tls.abuse": ExitCode.BUG,
    "storage.locked": ExitCode.RATE_LIMITED,  # as `busy`: the same command works later
    "storage.exposed": ExitCode.PERMISSION,
    "room.unknown": ExitCode.NOT_FOUND,
    "room.not_member": ExitCode.PERMISSION,
    "room.limit": ExitCode.PERMISSION,
    "certificate.not_found": ExitCode.NOT_FOUND,
    "certificate.permission": ExitCode.PERMISSION,
    "device.unknown": ExitCode.NOT_FOUND,
    "invite.unknown": ExitCode.NOT_FOUND,
    "vault.missing": ExitCode.NOT_FOUND,
    "vault.damaged": ExitCode.BUG,
    "vault.version": ExitCode.USAGE,
    "vault.full": ExitCode.BUG,
    "vault.failed": ExitCode.BUG,
    "profile.busy": ExitCode.PROFILE_BUSY,
    "profile.unknown": ExitCode.NOT_FOUND,
    "profile.altered": ExitCode.SERVER_IDENTITY,
}


def exit_code_of(error: ChatError) -> ExitCode:
    """The number with which a command ends that `error` ended; a code of no known family is a bug."""
    return _CODES.get(error.code) or _FAMILIES.get(error.code.partition(".")[0], ExitCode.BUG)


def is_decided(code: str) -> bool:
    """Whether a code, or its family, stands in the tables; a test asks for every error there is."""
    return code in _CODES or code.partition(".")[0] in _FAMILIES
