"""Commands about the connection: `/status`, `/reconnect`, `/quit`."""

from collections.abc import Sequence
from typing import Final

from secure_chat.client.direct.events import ContactRow, ContactsFound
from secure_chat.client.events import Answer, Status
from secure_chat.client.line.arguments import nothing
from secure_chat.client.line.columns import columns
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import detail
from secure_chat.client.line.own_directs import held_words
from secure_chat.client.line.registry import Group, SlashCommand


def status(context: Context, argument: str) -> None:
    """Say how things are."""
    nothing(argument, "status")
    if context.connection.is_online:
        context.expect(context.client.status(), lambda answer: _show_status(context, answer))
        return
    context.say(f"{context.server}: {context.connection.offline_words()}")
    _show_waiting(context)


def _show_status(context: Context, answer: Answer) -> None:
    if not isinstance(answer, Status):
        return
    times = context.room_lines.times
    context.say("how things are:")
    since = times.since(answer.connected_since, context.now_ms())
    context.show(
        *columns(
            [
                ("server", f"{answer.server}, connected since {since}, answered in {answer.round_trip * 1000:.0f} ms"),
                ("security", f"{answer.tls}, certificate from the authority of your invite"),
                ("authority", f"pin {answer.authority_pin}"),
                ("key log", f"pin {answer.log_pin}"),
                ("you", f"{answer.name}, {answer.role}"),
                ("rooms", f"{_rooms(answer.rooms)}, kept by the server, which can read them"),
            ]
        )
    )
    _show_waiting(context)


def _rooms(rooms: tuple[str, ...]) -> str:
    return ", ".join(f"#{room}" for room in rooms) or "none"


def _show_waiting(context: Context) -> None:
    """What is not sent, by this run and, of what is held, by those before it: that is in the vault."""
    context.expect(
        context.client.contacts(),
        lambda answer: _show_unsent(context, answer.contacts if isinstance(answer, ContactsFound) else ()),
        lambda _error: _show_unsent(context, ()),
    )


def _show_unsent(context: Context, contacts: Sequence[ContactRow]) -> None:
    waiting = [*(detail(*line.shown) for line in context.own_lines.unsent()), *context.own_directs.waiting()]
    held = [contact for contact in contacts if contact.held]
    if waiting:
        context.say(f"{len(waiting)} line{'s wait' if len(waiting) > 1 else ' waits'} to be sent:")
        context.show(*waiting)
    elif not held:
        context.say("no line waits to be sent")
    for contact in held:
        context.say(held_words(contact.name, contact.held))


def reconnect(context: Context, argument: str) -> None:
    """Try at once instead of waiting."""
    nothing(argument, "reconnect")
    if context.connection.is_online:
        context.say("you are connected; /status says how things are")
        return
    context.client.reconnect()
    context.say("trying now")


def leave_program(context: Context, argument: str) -> None:
    """End the program."""
    nothing(argument, "quit")
    context.leave()


COMMANDS: Final = (
    SlashCommand("status", "", "say how things are", Group.SELF, status),
    SlashCommand(
        "reconnect",
        "",
        "try to connect now",
        Group.SELF,
        reconnect,
        details=("While there is no connection the program tries again by itself; this does not wait for it.",),
    ),
    SlashCommand(
        "quit",
        "",
        "leave",
        Group.SELF,
        leave_program,
        aliases=("exit",),
        details=("!exit, Ctrl-D and Ctrl-C twice do the same. Lines that were not sent are named.",),
    ),
)
