"""`secure-chat history`: the past of one room."""

from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.pages import count_of, forwards, head_of
from secure_chat.client.one_shot.records import record_of
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode
from secure_chat.names import room_name


def run(surroundings: Surroundings) -> int:
    """Print the newest events, or those before a number, oldest first."""
    arguments = surroundings.arguments
    room, count = room_name(arguments.room), count_of(arguments.count)
    if arguments.before is not None and arguments.before < 1:
        raise UsageInvalid(f"--before takes a number of the room, from 1; not {arguments.before}.")
    with surroundings.account() as account:
        head = head_of(account, room)
        last = head if arguments.before is None else min(head, arguments.before - 1)
        first = 1 if count is None else max(1, last - count + 1)
        for event in forwards(account, room, first, last):
            surroundings.output.data(record_of(event), line_of(event))
    return ExitCode.OK
