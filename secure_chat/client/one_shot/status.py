"""`secure-chat status`: the profile, its server, and how far away it is."""

from secure_chat.client.direct.events import ContactSnapshot
from secure_chat.client.events import Status
from secure_chat.client.line.direct_lines import TRUST_WORDS
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import ContactRecord, StatusRecord
from secure_chat.exit_codes import ExitCode
from secure_chat.sanitize import one_line


def run(surroundings: Surroundings) -> int:
    """Connect, measure, print."""
    with surroundings.account() as account:
        status = account.answer(account.client.status(), Status)
        rooms = [one_line(room) for room in status.rooms]
        account.take_mail()
        contacts = account.client.snapshot.contacts
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
            contacts=[
                ContactRecord(name=one_line(each.name), state=each.state.value, unread=each.unread, held=each.held)
                for each in contacts
            ],
        )
        lines = (
            f"profile      {account.profile.title}",
            f"server       {status.server}, {status.tls}, {status.round_trip * 1000:.0f} ms",
            f"role         {one_line(status.role)}",
            f"authority    {status.authority_pin}",
            f"key log      {status.log_pin}",
            f"rooms        {', '.join(f'#{room}' for room in rooms)}",
            f"people       {', '.join(map(_shown, contacts)) or 'no conversation yet'}",
        )
        surroundings.output.data(record, "\n".join(lines))
    return ExitCode.OK


def _shown(contact: ContactSnapshot) -> str:
    unread = f", {contact.unread} unread" if contact.unread else ""
    held = f", {contact.held} held" if contact.held else ""
    return f"{one_line(contact.name)} ({TRUST_WORDS[contact.state]}{unread}{held})"
