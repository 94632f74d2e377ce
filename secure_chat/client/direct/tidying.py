"""What has had its time in the vault: envelopes seen long ago, keys of messages that never come; by the own clock."""

import dataclasses
from collections.abc import Callable

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.envelopes_seen import EnvelopesSeen
from secure_chat.client.direct.office import Office
from secure_chat.e2ee import choice
from secure_chat.e2ee.ratchet import without_expired_keys
from secure_chat.limits import TIDY_SECONDS


class Tidying:
    """Now and then a small piece, on the network thread."""

    def __init__(
        self, office: Office, seen: EnvelopesSeen, now_ms: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        """`clock`: seconds, as of `Requests`."""
        self._office = office
        self._seen = seen
        self._now_ms = now_ms
        self._clock = clock
        self._next = 0.0

    def next_time(self) -> float:
        """When to look again."""
        return self._next

    def turn(self) -> None:
        """Look, if it is time."""
        if self._clock() < self._next:
            return
        with self._office.desk() as desk:
            more = self._seen.forget_old(desk, self._now_ms())
            if not more:
                self._forget_keys(desk)
        self._next = self._clock() + (0.0 if more else TIDY_SECONDS)

    def _forget_keys(self, desk: Desk) -> None:
        now = self._now_ms()
        for device in desk.all_devices():
            superseded = choice.superseded(device.sessions, now)
            kept = tuple(without_expired_keys(each, now) for each in device.sessions if each not in superseded)
            if kept != device.sessions:
                desk.put_device(dataclasses.replace(device, sessions=kept))
