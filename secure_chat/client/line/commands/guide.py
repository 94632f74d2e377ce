"""The command that explains the others: `/help`, made from the list of commands."""

from collections.abc import Sequence
from typing import Final

from secure_chat.client.line.columns import columns
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import detail, line
from secure_chat.client.line.registry import Completes, Group, Registry, SlashCommand
from secure_chat.errors import UsageInvalid
from secure_chat.limits import UNASKED_LINES

KEYS: Final = (
    ("Tab", "completes commands, names and rooms"),
    ("Up, Down", "bring back what you typed"),
    ("Ctrl-R", "looks for it"),
    ("Alt-Enter", "begins another line of the same message"),
    ("Alt-Down, Alt-Up", "go to the next and the previous room"),
    ("Ctrl-C", "clears the line; twice leaves"),
    ("Ctrl-D", "leaves, when the line is empty"),
)


def help_command(others: Sequence[SlashCommand]) -> SlashCommand:
    """`/help` for these commands and itself."""

    def run(context: Context, argument: str) -> None:
        _help(context, Registry((*others, command)), argument)

    command = SlashCommand(
        "help",
        "[TOPIC]",
        "explain: the commands, one of them, or keys",
        Group.SELF,
        run,
        examples=("/help", "/help join", "/help keys"),
        completes=(Completes.HELP_TOPIC,),
        options=("keys",),
    )
    return command


def _help(context: Context, registry: Registry, argument: str) -> None:
    topic = argument.strip().lower().removeprefix("/")
    if not topic:
        _overview(context, registry)
    elif topic == "keys":
        context.say("keys:")
        context.show(*columns(KEYS))
        context.show(detail(f"A message of more than {UNASKED_LINES} lines, as a paste may be, is asked about first."))
    else:
        _one(context, registry, topic)


def _overview(context: Context, registry: Registry) -> None:
    context.say("what you type goes to the room that the prompt names, unless it begins with a slash:")
    width = max(len(command.synopsis) for command in registry)
    for group in Group:
        context.show(line(f"{group.value}:"))
        context.show(
            *(
                detail(f"{command.synopsis:<{width}}  {command.summary}")
                for command in registry
                if command.group is group
            )
        )
    context.say("/help NAME explains one, /help keys the keys. //text sends a text that begins with a slash.")


def _one(context: Context, registry: Registry, topic: str) -> None:
    command = registry.get(topic)
    if command is None:
        meant = registry.closest(topic)
        raise UsageInvalid(
            f"There is no help about {topic}{f', did you mean /help {meant}?' if meant else '.'}",
            hint="/help lists the commands",
        )
    context.say(f"{command.synopsis}: {command.summary}")
    if command.aliases:
        context.show(detail(f"also: {', '.join(f'/{alias}' for alias in command.aliases)}"))
    context.show(*(detail(sentence) for sentence in command.details))
    context.show(*(detail(f"for example: {example}") for example in command.examples))
