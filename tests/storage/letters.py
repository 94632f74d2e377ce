"""Direct messages and prekeys for tests of the store: what is sealed in them is of no interest to it."""

import secrets
import sqlite3

from secure_chat.protocol.envelope_header import EnvelopeHeader
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.entries import AcknowledgeDirect, ClaimPrekeys, OutgoingPart, PublishPrekeys, SendDirect
from secure_chat.storage.mail_state import MailState, Place
from secure_chat.storage.outcomes import Committed, DirectTaken, MailArrived
from secure_chat.storage.records import Mail
from secure_chat.storage.sent_envelopes import DeviceKey
from tests.storage.opened import Member, Opened
from tests.support.envelopes import address, envelope_between


def part(
    sender: Member, recipient: Member, *, padded: int = 768, device: int = 0, envelope_id: bytes = b""
) -> OutgoingPart:
    """A fresh envelope for the recipient's device, or for another one of its devices; `envelope_id` empty: drawn."""
    device = device or recipient.device
    ends = (address(sender.person.user_id, sender.device), address(recipient.person.user_id, device))
    envelope = envelope_between(*ends, padded=padded, envelope_id=envelope_id)
    return OutgoingPart(device, EnvelopeHeader.parse(envelope).envelope_id, envelope)


def send(sender: Member, recipient: Member, *parts: OutgoingPart) -> SendDirect:
    """A message, fresh unless its parts are given."""
    parts = parts or (part(sender, recipient),)
    return SendDirect(sender.account, sender.device, recipient.person.user_id, parts)


def acknowledge(recipient: Member, *envelope_ids: bytes) -> AcknowledgeDirect:
    return AcknowledgeDirect(recipient.account, recipient.device, envelope_ids)


def sent(opened: Opened, sender: Member, recipient: Member) -> bytes:
    """Send one; its id."""
    entry = send(sender, recipient)
    assert isinstance(opened.outcome(entry), DirectTaken)
    return entry.parts[0].envelope_id


def arrived(committed: Committed) -> list[Mail]:
    """All that a batch has put into mailboxes, in the order in which it was sent."""
    changes = [change for change in committed.changes if isinstance(change, MailArrived)]
    return sorted((mail for change in changes for mail in change.mail), key=lambda mail: mail.mail_id)


def mailbox(opened: Opened, member: Member) -> list[Mail]:
    """Everything that waits for the member's device, as the disk has it."""
    found: list[Mail] = []
    with opened.reader() as reader:
        while page := reader.mail(
            member.account, member.device, found[-1].mail_id if found else 0, rows=64, size=2**18
        ):
            found += page
    return found


def waiting_ids(opened: Opened, member: Member) -> list[bytes]:
    return [mail.envelope_id for mail in mailbox(opened, member)]


def assert_known_by_heart(opened: Opened) -> None:
    """What the store remembers of mail is what one would that reads it from the tables now, and each place is known."""
    mail, database = opened.store._mail, opened.store._database
    fresh = MailState(database)
    assert mail.waiting == fresh.waiting
    assert mail.bytes_of == fresh.bytes_of
    assert _numbers(mail) == _numbers(fresh)
    assert (mail.known_places, mail.placed) == (fresh.known_places, fresh.placed)
    assert (mail.sent.known, mail.sent.count) == (fresh.sent.known, fresh.sent.count)
    connection = sqlite3.connect(f"file:{opened.directory / DATABASE_NAME}?mode=ro", uri=True)
    try:
        away = connection.execute(
            "SELECT account, device_id, envelope_id, mail_id FROM mail_places ORDER BY 4"
        ).fetchall()
        old = connection.execute(
            "SELECT account, device_id, envelope_id, id FROM mailboxes WHERE id <= ? ORDER BY 4", (mail.placed,)
        ).fetchall()
    finally:
        connection.close()
    assert away == old


def _numbers(mail: MailState) -> dict[tuple[DeviceKey, bytes], list[Place]]:
    """Places by mailbox and id, each by itself, in the order of their numbers."""
    numbers: dict[tuple[DeviceKey, bytes], list[Place]] = {}
    for recipient, places in mail.places.items():
        for envelope_id, first in places.items():
            place: Place | None = first
            while place is not None:
                numbers.setdefault((recipient, envelope_id), []).append(Place(place.mail_id, place.sender, place.size))
                place = place.other
    return {key: sorted(places, key=lambda place: place.mail_id) for key, places in numbers.items()}


def one_time_prekeys(count: int) -> tuple[bytes, ...]:
    """As many as are wanted. Their signatures are checked before the store sees them."""
    return tuple(secrets.token_bytes(1288) for _ in range(count))


def upload(
    member: Member, one_time: tuple[bytes, ...], *, signed: bytes = b"", replace: bool = False
) -> PublishPrekeys:
    key = member.person.device.signing_key.raw
    return PublishPrekeys(member.account, member.device, key, signed, one_time, replace)


def claim(requester: Member, owner: Member) -> ClaimPrekeys:
    return ClaimPrekeys(requester.account, owner.person.user_id, (owner.device,))
