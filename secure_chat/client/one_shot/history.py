"""`secure-chat history`: the past of one room, or of one conversation."""

import itertools

from secure_chat.client.one_shot.account import ConnectedAccount, Surroundings
from secure_chat.client.one_shot.directs import backwards, print_row
from secure_chat.client.one_shot.pages import count_of, forwards, head_of
from secure_chat.client.one_shot.records import record_of
from secure_chat.client.one_shot.targets import Someone, check_person, room_or_person, target
from secure_chat.client.one_shot.text_form import line_of
from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """Print the newest events, or those before a number, oldest first."""
    arguments = surroundings.arguments
    where = target(arguments.room) if arguments.to else room_or_person(arguments.room)
    count = count_of(arguments.count)
    if arguments.before is not None and arguments.before < 1:
        raise UsageInvalid(f"--before takes a number of the room, from 1; not {arguments.before}.")
    with surroundings.account() as account:
        if isinstance(where, Someone):
            _print_conversation(surroundings, account, where.name, count)
            return ExitCode.OK
        room, head = where.name, head_of(account, where.name)
        last = head if arguments.before is None else min(head, arguments.before - 1)
        first = 1 if count is None else max(1, last - count + 1)
        for event in forwards(account, room, first, last):
            surroundings.output.data(record_of(event, account.own_name), line_of(event))
    return ExitCode.OK


def _print_conversation(surroundings: Surroundings, account: ConnectedAccount, peer: str, count: int | None) -> None:
    account.take_mail()
    check_person(account, peer)
    newest_first = list(itertools.islice(backwards(account, peer, surroundings.arguments.before), count))
    for message in reversed(newest_first):
        print_row(surroundings.output, message, account.own_name)
