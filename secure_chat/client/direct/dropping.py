"""All sessions dropped at once: the vault was copied, or the person begins anew. PROTOCOL.md 28."""

import dataclasses

from secure_chat.client.direct import contacts
from secure_chat.client.direct.desk import Desk


def drop_all_sessions(desk: Desk, now_ms: int) -> None:
    """Destroy every session, and owe a fresh one to whoever has talked on an old one.

    Ciphertexts that wait stay as they are: they may have arrived already, and the same bytes arrive once. The highest
    generations stay as well, so that nothing old is preferred to what comes.
    """
    for device in desk.all_devices():
        contact = desk.contact(device.name)
        is_answered = contact is not None and contacts.why_held(contact) is None
        owes = is_answered and any(session.confirmed for session in device.sessions)
        opening_due = now_ms if owes else device.opening_due
        desk.put_device(dataclasses.replace(device, sessions=(), ack_due=0, opening_due=opening_due))
