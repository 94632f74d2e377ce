"""`secure-chat status`: the profile, its server, and how far away it is."""

from secure_chat.client.events import Status
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import StatusRecord
from secure_chat.exit_codes import ExitCode
from secure_chat.sanitize import one_line


def run(surroundings: Surroundings) -> int:
    """Connect, measure, print."""
    with surroundings.account() as account:
        status = account.answer(account.client.status(), Status)
        rooms = [one_line(room) for room in status.rooms]
        record = StatusRecord(
            profile=account.profile.title,
            server=status.server,
            name=status.name,
            role=one_line(status.role),
            tls=status.tls,
            authority_pin=status.authority_pin,
            log_pin=status.log_pin,
            round_trip=status.round_trip,
            rooms=rooms,
        )
        lines = (
            f"profile      {account.profile.title}",
            f"server       {status.server}, {status.tls}, {status.round_trip * 1000:.0f} ms",
            f"role         {one_line(status.role)}",
            f"authority    {status.authority_pin}",
            f"key log      {status.log_pin}",
            f"rooms        {', '.join(f'#{room}' for room in rooms)}",
        )
        surroundings.output.data(record, "\n".join(lines))
    return ExitCode.OK
