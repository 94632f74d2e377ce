"""`secure-chat users`: who is online, or who is a member of a room."""

from secure_chat.client.events import PeopleFound
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import PersonRecord
from secure_chat.exit_codes import ExitCode
from secure_chat.sanitize import one_line


def run(surroundings: Surroundings) -> int:
    """Print everybody, in order of names."""
    room = surroundings.arguments.room
    after, more = "", True
    with surroundings.account() as account:
        while more:
            client = account.client
            ticket = client.list_members(room, after) if room else client.list_users(after)
            found = account.answer(ticket, PeopleFound)
            for person in found.people:
                name, role = one_line(person.name), one_line(person.role)
                record = PersonRecord(name=name, role=role, online=person.online)
                surroundings.output.data(record, f"{name}\t{'online' if person.online else 'offline'}\t{role}")
            more = found.more and bool(found.people)
            after = found.people[-1].name if found.people else after
    return ExitCode.OK
