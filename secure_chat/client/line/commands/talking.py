"""Commands for talking: `/me`."""

from typing import Final

from secure_chat.client.line.arguments import misused
from secure_chat.client.line.context import Context
from secure_chat.client.line.posting import say
from secure_chat.client.line.registry import Group, SlashCommand


def me(context: Context, argument: str) -> None:
    """Say what one does."""
    if not argument.strip():
        misused("me", "What do you do? Say it: /me waves.")
    say(context, argument, action=True)


COMMANDS: Final = (
    SlashCommand(
        "me",
        "TEXT",
        "say what you do: * alice waves",
        Group.TALK,
        me,
        details=("It goes to the current room, as every text that begins with no slash.",),
        examples=("/me waves",),
    ),
)
