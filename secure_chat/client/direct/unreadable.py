"""What cannot be opened: why, in words; how often a device may send such things; when a fresh session is opened for it.

PROTOCOL.md 25.
"""

import dataclasses
from collections import deque
from typing import Final

from secure_chat.client.direct.records import PeerDevice
from secure_chat.errors import (
    ChatError,
    ContentInvalid,
    KeyGone,
    PrekeyGone,
    SessionAhead,
    SessionReplayed,
    SessionUnknown,
    SkipTooFar,
)
from secure_chat.limits import (
    FAILED_OPENS_SECONDS,
    MAX_FAILED_OPENS,
    OPENING_LONGEST_PAUSE_SECONDS,
    OPENING_PAUSE_SECONDS,
)

REMOVED_DEVICE: Final = "it is from a device that {name} has removed"

_WORDS: Final[dict[type[ChatError], str]] = {
    SessionUnknown: "its session is not known here",
    SessionAhead: "its session comes from the future: one of the clocks is wrong",
    PrekeyGone: "it was made for a key that this device does not have any more",
    SkipTooFar: "too many messages before it are missing",
    KeyGone: "its key was used or has expired",
    SessionReplayed: "it begins a session that was begun before",
    ContentInvalid: "its content makes no sense",
}
_DEFAULT_WORDS: Final = "it was altered, or is not from whom it names"
# After these the session itself is whole: one message is lost, and a new session would not bring it back.
_HARMLESS: Final = (ContentInvalid, KeyGone, SessionReplayed)

# Per device: user id and device number; 0 for all those that are in no list.
_DeviceKey = tuple[bytes, int]


def words_for(error: ChatError) -> str:
    """Why, as the end of a sentence."""
    return _WORDS.get(type(error), _DEFAULT_WORDS)


class FailedOpens:
    """How often envelopes of a device could not be opened in the last minute; kept in memory."""

    def __init__(self) -> None:
        self._times: dict[_DeviceKey, deque[float]] = {}

    def note(self, user_id: bytes, device_id: int, now: float) -> None:
        """One more. `now` in seconds."""
        self._times.setdefault((user_id, device_id), deque()).append(now)

    def free_at(self, user_id: bytes, device_id: int, now: float) -> float | None:
        """When the next envelope of this device may be tried; None: at once."""
        times = self._times.get((user_id, device_id))
        # A clock that was put back has no failures ahead of it.
        while times and not now - FAILED_OPENS_SECONDS < times[0] <= now:
            times.popleft()
        if not times:
            self._times.pop((user_id, device_id), None)
            return None
        return times[0] + FAILED_OPENS_SECONDS if len(times) >= MAX_FAILED_OPENS else None


def owing_a_session(device: PeerDevice, error: ChatError, now_ms: int) -> PeerDevice:
    """The device after something of it could not be opened: a fresh session is due, within its bounds."""
    if device.opening_due or (isinstance(error, _HARMLESS) and any(each.confirmed for each in device.sessions)):
        return device
    pause = max(device.opening_pause, OPENING_PAUSE_SECONDS * 1000)
    due = max(now_ms, device.opened_at + pause) if device.opened_at else now_ms
    return dataclasses.replace(device, opening_due=due)


def session_opened(device: PeerDevice, now_ms: int) -> PeerDevice:
    """The device after the fresh session that it was owed: the next one comes later."""
    pause = device.opening_pause * 2 or OPENING_PAUSE_SECONDS * 1000
    pause = min(pause, OPENING_LONGEST_PAUSE_SECONDS * 1000)
    return dataclasses.replace(device, opening_due=0, opened_at=now_ms, opening_pause=pause)
