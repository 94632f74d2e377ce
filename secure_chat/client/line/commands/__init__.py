"""The slash-commands of this version, by what they are about."""

from typing import Final

from secure_chat.client.line.commands import connection, finding, keys, moving, passphrase, people, talking
from secure_chat.client.line.commands.guide import help_command
from secure_chat.client.line.registry import Registry, SlashCommand

_COMMANDS: Final[tuple[SlashCommand, ...]] = (
    *talking.COMMANDS,
    *moving.COMMANDS,
    *people.COMMANDS,
    *finding.COMMANDS,
    *keys.COMMANDS,
    *passphrase.COMMANDS,
    *connection.COMMANDS,
)


def registry() -> Registry:
    """All commands."""
    return Registry((*_COMMANDS, help_command(_COMMANDS)))
