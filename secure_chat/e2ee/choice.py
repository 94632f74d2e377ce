"""Which session to send on, when a new one is due, which are dropped, and when an acknowledgement is owed.

PROTOCOL.md 22. All functions take the sessions with one device of a peer. Both sides come to the same session, because
both order them alike: by generation, then by SID.
"""

from collections.abc import Sequence

from secure_chat import limits
from secure_chat.e2ee.session import Session


def next_generation(highest: int, now_s: int) -> int:
    """The generation of a new session; `highest`: the highest known for this pair of devices, of lost ones too."""
    return max(highest + 1, now_s)


def choose(sessions: Sequence[Session]) -> Session | None:
    """The session to send on; None: a new one is needed.

    The highest confirmed one; an own init where there is none, or where it was a reset and they are all lower.
    """
    chosen = _in_use(sessions)
    return None if chosen is None or chosen.closed else chosen


def needs_new_session(session: Session, now_ms: int) -> bool:
    """Whether the sending chain has ended: after 500 messages or 7 days, answered or not."""
    chain = session.sending
    return chain is not None and (
        chain.next_n >= limits.MAX_CHAIN_MESSAGES or now_ms - chain.started_ms >= limits.MAX_CHAIN_AGE_MS
    )


def owes_ack(session: Session) -> bool:
    """Whether the peer should hear within a minute: it began the session, or has sent 100 messages on one chain."""
    if session.closed:
        return False
    return session.unanswered >= (limits.ACK_AFTER_MESSAGES if session.has_sent else 1)


def superseded(sessions: Sequence[Session], now_ms: int) -> list[Session]:
    """The sessions to delete: lower than the one in use for 35 days, or beyond the four highest others."""
    # A closed one supersedes as well: a peer that closes each session it opens must not fill the vault.
    current = _in_use(sessions)
    if current is None:
        return []
    others = sorted((session for session in sessions if session is not current), key=_rank, reverse=True)
    old = now_ms - limits.OLD_SESSION_MS
    return [
        session
        for place, session in enumerate(others)
        if place >= limits.MAX_OLD_SESSIONS or any(since <= old for since in _overtaken(session, current, sessions))
    ]


def _in_use(sessions: Sequence[Session]) -> Session | None:
    """The session that `choose` comes to, closed or not."""
    confirmed = max((session for session in sessions if session.confirmed), key=_rank, default=None)
    own = [
        session
        for session in sessions
        if session.init is not None and (confirmed is None or (session.is_reset and _rank(session) > _rank(confirmed)))
    ]
    return max(own, key=_rank, default=confirmed)


def _overtaken(session: Session, current: Session, sessions: Sequence[Session]) -> list[int]:
    """When higher sessions came into use, milliseconds since 1970 UTC."""
    return [
        other.confirmed_ms or other.created_ms
        for other in sessions
        if _rank(other) > _rank(session) and (other.confirmed or other is current)
    ]


def _rank(session: Session) -> tuple[int, int]:
    """The higher the better: the generation, then the smaller SID."""
    return session.gen, -int.from_bytes(session.sid, "big")
