"""From outcomes and errors to reply frames."""

from collections.abc import Callable
from typing import Any, Final

from secure_chat.errors import ChatError
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.storage import outcomes as o
from secure_chat.storage.outcomes import LoggedIn, Numbered, Opened, Outcome, Refused, Settled


def failure(request: int, error: ChatError) -> bytes:
    """The reply to a refused request; request 0: the connection is about to end."""
    return encode(e.Failure(request, error.code, error.sentence, error.next_step, error.retry_after))


def done(request: int) -> bytes:
    """The reply to what needs no other."""
    return encode(e.Done(request))


def acknowledge(request: int, outcome: Outcome) -> bytes:
    """The reply to an entry that the journal has decided; empty where the reply needs a token."""
    return REPLIES[type(outcome)](request, outcome)


def welcome(request: int, outcome: LoggedIn, token: bytes, time_ms: int) -> bytes:
    """The reply to a login as a device; `token` is shown once and only if the outcome says that it is new."""
    return encode(
        e.Welcome(
            request,
            outcome.user_id,
            outcome.name,
            outcome.role.value,
            outcome.counter_before,
            outcome.device_list_version,
            time_ms,
            list(outcome.rooms),
            token if outcome.token_is_new else b"",
            outcome.head,
            outcome.one_time_prekeys,
            outcome.signed_prekey_id,
            outcome.invites_used,
        )
    )


def _opened(request: int, outcome: Opened) -> bytes:
    return encode(
        e.RoomOpened(request, outcome.room, outcome.topic, outcome.head, outcome.first, outcome.after, outcome.members)
    )


def _numbered(request: int, outcome: Numbered) -> bytes:
    return encode(e.Accepted(request, outcome.room, outcome.number, outcome.time, outcome.changed))


def _taken(request: int, outcome: o.DirectTaken) -> bytes:
    return encode(e.DirectAccepted(request, outcome.time))


REPLIES: Final[dict[type, Callable[[int, Any], bytes]]] = {
    Numbered: _numbered,
    o.DirectTaken: _taken,
    Settled: lambda request, _: done(request),
    Refused: lambda request, outcome: failure(request, outcome.error),
    Opened: _opened,
    LoggedIn: lambda *_: b"",
    o.InviteKept: lambda request, outcome: encode(e.InviteMade(request, outcome.expires)),
    o.PrekeysKept: lambda request, outcome: encode(e.PrekeysKept(request, outcome.live)),
    o.Bundles: lambda request, outcome: encode(e.PrekeyBundles(request, outcome.user_id, list(outcome.bundles))),
    o.DirectStale: lambda request, outcome: encode(e.DevicesStale(request, outcome.user_id, list(outcome.lists))),
    o.DirectFull: lambda request, outcome: encode(e.DevicesFull(request, list(outcome.devices))),
}
"""The reply of each outcome. A table, because a ladder would ask ten times. Any: each takes its own kind."""
