"""`secure-chat rooms`: which rooms there are."""

from secure_chat.client.events import RoomsFound
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import RoomRecord
from secure_chat.exit_codes import ExitCode
from secure_chat.sanitize import one_line


def run(surroundings: Surroundings) -> int:
    """Print all rooms whose names hold the pattern."""
    after, more = "", True
    with surroundings.account() as account:
        while more:
            found = account.answer(account.client.list_rooms(surroundings.arguments.pattern, after), RoomsFound)
            for room in found.rooms:
                name, topic = one_line(room.room), one_line(room.topic)
                record = RoomRecord(room=name, topic=topic, members=room.members, joined=room.joined)
                mark = "*" if room.joined else " "
                surroundings.output.data(record, f"{mark} #{name}\t{room.members}\t{topic}".rstrip())
            more = found.more and bool(found.rooms)
            after = found.rooms[-1].room if found.rooms else after
    return ExitCode.OK
