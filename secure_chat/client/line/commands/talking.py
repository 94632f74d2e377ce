"""Commands for talking: `/msg`, `/reply`, `/me`."""

from typing import Final

from secure_chat.client.line.arguments import misused
from secure_chat.client.line.commands.moving import go_to
from secure_chat.client.line.context import Context
from secure_chat.client.line.posting import say, say_there
from secure_chat.client.line.registry import Completes, Group, SlashCommand
from secure_chat.errors import UsageInvalid
from secure_chat.names import user_name


def msg(context: Context, argument: str) -> None:
    """Say something to one person, or write to that person from now on."""
    words = argument.split(None, 1)
    if not words:
        misused("msg", "To whom?")
    conversation = context.conversation(somebody(context, words[0]))
    if len(words) > 1:
        say_there(context, conversation, words[1])
    else:
        go_to(context, conversation)


def _without_text(argument: str) -> bool:
    return len(argument.split(None, 1)) < 2


def reply(context: Context, argument: str) -> None:
    """The same to whoever wrote last."""
    if not context.last_writer:
        misused("reply", "Nobody has written to you since the start.")
    begun_for, writer = context.overtaken_writer, context.last_writer
    if begun_for and begun_for != writer:
        where = context.put_back(f"/reply {argument}".rstrip())
        raise UsageInvalid(
            f"{writer} has written while you typed. Nothing was sent. {where}".rstrip(),
            hint=f"Enter sends it to {writer}, /msg {begun_for} TEXT to {begun_for}",
        )
    msg(context, f"{context.last_writer} {argument}")


def somebody(context: Context, word: str) -> str:
    """The name of somebody else that is meant. Raises `NameInvalid`, or `UsageInvalid` for oneself and for rooms."""
    if word.startswith("#"):
        raise UsageInvalid(f"{word} is a room. Nothing was done.", hint=f"/go {word} leads there")
    name = user_name(word.removeprefix("@"))
    if name == context.own_name:
        raise UsageInvalid("That is you. Nothing was done.", hint="/users lists who is online")
    return name


def me(context: Context, argument: str) -> None:
    """Say what one does."""
    if not argument.strip():
        misused("me", "What do you do? Say it: /me waves.")
    say(context, argument, action=True)


COMMANDS: Final = (
    SlashCommand(
        "msg",
        "USER [TEXT]",
        "say something to one person, which nobody else can read; or write there from now on",
        Group.TALK,
        msg,
        leads=_without_text,
        aliases=("dm", "query", "tell", "w", "whisper"),
        details=(
            "End-to-end encrypted: the server keeps it for whoever is offline and cannot read it.",
            "Without a text the prompt goes there: bob (end-to-end) >. /go leads back to a room.",
            "Whether the key is bob's own is yours to compare, once: /verify bob.",
        ),
        examples=("/msg bob lunch at one?", "/msg bob"),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "reply",
        "[TEXT]",
        "the same to whoever wrote to you last",
        Group.TALK,
        reply,
        leads=lambda argument: not argument.strip(),
        examples=("/reply yes",),
    ),
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
