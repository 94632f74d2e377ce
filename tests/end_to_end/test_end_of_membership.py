"""Who was kicked receives nothing numbered above the kick, however fast or slowly he reads."""

import threading
from collections.abc import Iterator

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.states import Role
from tests.features.team import ADMIN
from tests.support.installation import Installation
from tests.support.wire_client import RefusedByServer, WireClient, client_id

MANY = 400
TEXT = "x" * 2000  # so that a reader who does not read falls behind what the system's buffers hold


WAYS = [pytest.param(True, id="fast"), pytest.param(False, id="slow")]
KICKED = {True: "kicked.fast", False: "kicked.slow"}  # readers, each with a room of the same name
DISABLED = {True: "disabled.fast", False: "disabled.slow"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its server runs."""
    made = Installation(tmp_path_factory.mktemp("membership"))
    for reader in (*KICKED.values(), *DISABLED.values()):
        made.seed([reader, f"talker.{reader}"], [room_of(reader)])
        made.seed([f"admin.{reader}"], [room_of(reader)], role=Role.ADMINISTRATOR)
    with made.start():
        yield made


def room_of(reader: str) -> str:
    return reader.replace(".", "-")


def numbers(said: list[e.AnySaid]) -> list[int]:
    return [event.number for event in said if isinstance(event, (e.Message, e.Kicked, e.Joined, e.Left, e.TopicSet))]


def says_the_end(said: e.AnySaid, number: int) -> bool:
    """Whether this is the kick itself, or the announcement that it was skipped; none may name a later number."""
    if isinstance(said, e.RoomGap):
        assert said.last <= number
        return said.last == number
    return isinstance(said, e.Kicked) and said.number == number


def post_many(client: WireClient, room: str, run: int) -> None:
    for count in range(MANY):
        client.post(room, TEXT, client_id(run, count))


@pytest.mark.parametrize("fast", WAYS)
def test_a_kicked_reader_receives_nothing_above_his_kick(installation: Installation, fast: bool) -> None:
    name, room = KICKED[fast], room_of(KICKED[fast])
    with (
        installation.connect_as(f"admin.{name}") as administrator,
        installation.connect_as(name) as reader,
        installation.connect_as(f"talker.{name}") as talker,
    ):
        reader.open(room)
        post_many(talker, room, 1)
        if fast:
            reader.wait(lambda said: isinstance(said, e.Message) and said.client_id == client_id(1, MANY - 1))
        posting = threading.Thread(target=post_many, args=(talker, room, 2))
        posting.start()
        kick = administrator.ask(c.RoomKick(administrator.next_id(), room, client_id(9, 1), name, "enough"))
        assert isinstance(kick, e.Accepted)
        posting.join()
        reader.wait(lambda said: says_the_end(said, kick.number))
        assert isinstance(reader.ask(c.Ping(reader.next_id())), e.PongReply)
        assert max(numbers(list(reader.said)), default=0) <= kick.number
        with pytest.raises(RefusedByServer, match=r"room\.not_member"):
            reader.ask(c.RoomHistory(reader.next_id(), room, 1, kick.number + 5))


@pytest.mark.parametrize("fast", WAYS)
def test_a_disabled_reader_receives_nothing_that_was_said_after_it(installation: Installation, fast: bool) -> None:
    name, room = DISABLED[fast], room_of(DISABLED[fast])
    with installation.connect_as(name) as reader, installation.connect_as(f"talker.{name}") as talker:
        reader.open(room)
        post_many(talker, room, 1)
        if fast:
            reader.wait(lambda said: isinstance(said, e.Message) and said.client_id == client_id(1, MANY - 1))
        accepted: list[int] = []

        def post_on() -> None:
            accepted.extend(talker.post(room, TEXT, client_id(2, count)).number for count in range(MANY))

        posting = threading.Thread(target=post_on)
        posting.start()
        configuration = ("--config", str(installation.settings_file))
        assert ADMIN.run(installation.directory, *configuration, "user", "disable", name, "--yes").returncode == 0
        said_by_then = len(accepted)
        posting.join()
        accepted.append(talker.post(room, "he is gone", client_id(3, 1)).number)
        reader.wait_until_closed()
        # One post may have been under way when the operator's command came back.
        assert max(numbers(list(reader.said)), default=0) <= accepted[min(said_by_then, MANY - 1)]
        assert max(numbers(list(reader.said)), default=0) < accepted[-1]
