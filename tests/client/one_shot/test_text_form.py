"""Events as lines of text: one for each, safe for any terminal."""

import pytest

from secure_chat.client.one_shot.text_form import explain, line_of, time_of
from secure_chat.errors import KeyChanged, NotConnected, NotMember, RateLimited
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet

NOON = 1_790_000_000_000


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Message("dev", 1, NOON, "dave", bytes(16), "hello"), "#dev dave: hello"),
        (Message("dev", 1, NOON, "dave", bytes(16), "waves", action=True), "#dev * dave waves"),
        (TopicSet("dev", 1, NOON, "dave", "Releases"), "#dev · dave set the topic: Releases"),
        (TopicSet("dev", 1, NOON, "dave", ""), "#dev · dave cleared the topic"),
        (Message("dev", 1, NOON, "eve", bytes(16), "joined", action=True), "#dev * eve joined"),
        (Joined("dev", 1, NOON, "eve"), "#dev · eve joined"),
        (Left("dev", 1, NOON, "eve"), "#dev · eve left"),
        (Kicked("dev", 1, NOON, "eve", "dave"), "#dev · eve was kicked by dave"),
        (Kicked("dev", 1, NOON, "eve", "dave", "spam"), "#dev · eve was kicked by dave: spam"),
    ],
)
def test_each_kind_of_event_has_its_line(event: RoomEvent, text: str) -> None:
    assert line_of(event) == f"{time_of(NOON)} {text}"


def test_no_text_of_others_moves_the_cursor_or_looks_like_another_line() -> None:
    hostile = Message("dev", 1, NOON, "da\x1b[2Jve", bytes(16), "one\r\n10:02 #dev root: \x1b]52;c;x\x07two")
    shown = line_of(hostile)
    assert not [character for character in shown if character != "\n" and not character.isprintable()]
    assert all(line.startswith(" ") for line in shown.split("\n")[1:]), "what goes on is set in"


@pytest.mark.parametrize("milliseconds", [0, 2**63 - 1, 253_402_300_800_000])
def test_no_time_that_a_server_can_send_breaks_a_line(milliseconds: int) -> None:
    assert time_of(milliseconds)


def test_an_error_says_what_happened_its_code_and_the_next_step_as_it_can_be_typed() -> None:
    assert explain(NotMember("Not in\n#dev.", hint="secure-chat rooms")) == (
        "secure-chat: Not in #dev. [room.not_member]\n  secure-chat rooms"
    )
    assert explain(RateLimited("Slow down.")) == "secure-chat: Slow down. [rate.limited]"


def test_a_next_step_in_the_line_client_says_that_it_is_there() -> None:
    """In a shell /verify is a path, and there is nothing that reconnects."""
    held = KeyChanged(hint="compare: /verify bob · accept: /trust bob")
    assert explain(held).endswith("\n  in secure-chat: compare: /verify bob · accept: /trust bob")
    told = "in secure-chat: /join dev"
    assert explain(NotMember(hint=told)).endswith(f"\n  {told}")
    assert explain(NotConnected()).endswith("\n  secure-chat status says whether the server can be reached")
    path = "chmod 600 /home/alice/passphrase"
    assert explain(NotMember(hint=path)).endswith(f"\n  {path}")
