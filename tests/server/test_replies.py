"""From outcomes to reply frames: a table that has them all."""

from typing import get_args

from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.frames import split_frames
from secure_chat.server.replies import REPLIES, acknowledge
from secure_chat.storage.outcomes import DirectTaken, InviteKept, LoggedIn, Numbered, Outcome, Settled


def test_there_is_a_reply_for_each_outcome() -> None:
    assert set(REPLIES) == set(get_args(Outcome))


def test_a_reply_says_what_has_become_of_its_request() -> None:
    for outcome, said in (
        (Numbered("lobby", 3, 7), e.Accepted(5, "lobby", 3, 7)),
        (DirectTaken(7), e.DirectAccepted(5, 7)),
        (Settled("bob"), e.Done(5)),
        (InviteKept(9), e.InviteMade(5, 9)),
    ):
        [body] = split_frames(acknowledge(5, outcome))
        assert decode_said(body) == said


def test_a_login_is_answered_elsewhere_because_its_token_is_not_known_here() -> None:
    assert REPLIES[LoggedIn](5, object()) == b""
