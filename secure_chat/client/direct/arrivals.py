"""What is known to have arrived at somebody's device: the last own message of which an answer proves it.

PROTOCOL.md 21 and 22.3. A peer turns its ratchet by a key of ours, which it has from a message of the chain under that
key; a mailbox keeps its order, so that what was sent before that chain began had been fetched too. Nothing else in
this version proves anything: of the later messages of a chain nobody knows before the next turn.
"""

import dataclasses
from collections.abc import Iterable

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import MayBeLost, MessageKind
from secure_chat.client.direct.records import ChainBegun, PeerDevice
from secure_chat.e2ee.session import Session
from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER


def sent(device: PeerDevice, session: Session, number: int, *, is_counted: bool) -> PeerDevice:
    """The device after something was sealed for it; `session`: the state after that.

    `number`: of the last own counted message of the conversation, which is this one if it `is_counted`.
    """
    if device.arrived is None:
        device = dataclasses.replace(device, arrived=number - is_counted)
    if session.sending is None or session.sending.next_n != 1:
        return device
    kept = {each.sid8 for each in device.sessions} - {session.sid8}
    begun = (*(each for each in device.begun if each.sid8 in kept), ChainBegun(session.sid8, number))
    return dataclasses.replace(device, begun=begun)


def heard(device: PeerDevice, before: Session | None, after: Session) -> PeerDevice:
    """The device after something of it was opened, which has changed this session."""
    if before is None or before.sending is None or after.sending is not None:
        return device  # the peer has not turned by a key of ours
    proven = [each.number for each in device.begun if each.sid8 == after.sid8]
    arrived = max([device.arrived or 0, *proven])
    begun = tuple(each for each in device.begun if each.sid8 != after.sid8)
    return dataclasses.replace(device, arrived=arrived, begun=begun)


def maybe_lost(desk: Desk, name: str, user_id: bytes, device_ids: Iterable[int]) -> MayBeLost | None:
    """The texts to somebody of which none of these devices, all that there were, has shown that they had come."""
    devices = [device for device_id in device_ids if (device := desk.device(user_id, device_id)) is not None]
    known = [device.arrived for device in devices if device.arrived is not None]
    if not known:
        return None  # nothing was sent to them
    times: list[int] = []
    # More than a mailbox holds cannot wait there.
    for _, message in desk.messages(name, limit=2 * MAILBOX_ENVELOPES_PER_SENDER):
        if message.own and message.seq and message.seq <= max(known):
            break
        if message.own and message.kind is MessageKind.TEXT:
            times.append(message.time)
    return MayBeLost(name, len(times), times[-1]) if times else None
