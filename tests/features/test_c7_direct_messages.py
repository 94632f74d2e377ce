"""Rows C7 and S2.3: nothing of a direct message is anywhere at the server, while it waits and after it was read."""

from collections.abc import Iterator

import pytest

from secure_chat.protocol.events import Message
from tests.features.direct_story import IN_THE_ROOM, TEXTS, DirectStory, tell
from tests.features.search import bytes_below, secrets_in
from tests.features.team import running_team
from tests.support.process_memory import needs_memory
from tests.support.tls_recorder import TlsRecorder

SAID = {"what was said in the room": IN_THE_ROOM.encode()}

pytestmark = [needs_memory, pytest.mark.negative(35)]


@pytest.fixture(scope="module")
def direct_story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectStory]:
    """All of it has happened; the server still runs."""
    with (
        running_team(tmp_path_factory.mktemp("direct"), ["walter"]) as team,
        TlsRecorder(team.installation, team.server.port) as recorder,
    ):
        yield tell(team, recorder)


def test_s2_3_what_was_written_to_a_person_is_read_by_that_person(direct_story: DirectStory) -> None:
    assert [when for when, text in TEXTS.items() if text not in direct_story.read[when]] == []


def test_c7_what_is_looked_for_has_the_keys_of_sessions_at_several_moments_of_both_people(
    direct_story: DirectStory,
) -> None:
    """What both have, as the key of one's sending and the other's receiving chain, is noted once."""
    of_chains = [name for name in direct_story.secrets if "chain" in name or "next message" in name]
    moments = {name.partition(":")[0] for name in of_chains}
    assert moments >= {"alice after the answer", "bob before he is away", "alice while bob is away", "alice later"}
    for what in ("root key", "ratchet secret", "sending chain key", "receiving chain 0 key", "next message sent"):
        assert sum(what in name for name in direct_story.secrets) >= 2, what


def test_c7_nothing_of_a_direct_message_or_of_a_persons_keys_is_in_the_servers_memory(
    direct_story: DirectStory,
) -> None:
    assert len(direct_story.memories) == 2
    looked_at: set[bytes] = set()
    for memory in direct_story.memories:
        assert secrets_in(b"\n".join(memory), SAID), "the search finds nothing at all"
        new = set(memory) - looked_at  # libraries are the same each time
        assert secrets_in(b"\n".join(new), direct_story.secrets) == []
        looked_at |= new


def test_c7_nothing_of_it_is_in_the_database_the_write_ahead_log_or_the_logs(direct_story: DirectStory) -> None:
    team = direct_story.team
    disk = bytes_below(team.installation.data) + "".join(team.server.errors).encode()
    assert secrets_in(disk, SAID), "the search finds nothing at all"
    assert secrets_in(disk, direct_story.secrets) == []


def test_s2_3_not_a_word_of_it_in_any_frame_as_the_server_decrypts_it(direct_story: DirectStory) -> None:
    frames = b"\n".join(direct_story.recorder.bodies())
    assert secrets_in(frames, SAID), "the search finds nothing at all"
    assert secrets_in(frames, direct_story.secrets) == []
    kinds = {kind for kind in (b"direct.send", b"direct.acknowledge", b"prekeys.claim") if kind in frames}
    assert len(kinds) == 3, "no direct message went by"


def test_s0_6_not_a_direct_message_in_the_log_of_a_room(direct_story: DirectStory) -> None:
    with direct_story.team.wire("walter") as walter:
        head = walter.open("lobby").head
        said = [event.text for event in walter.pages("lobby", 1, head) if isinstance(event, Message)]
    assert said == [IN_THE_ROOM]
