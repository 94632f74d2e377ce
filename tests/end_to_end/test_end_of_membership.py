"""Who was kicked receives nothing numbered above the kick, however fast or slowly he reads."""

import threading
from pathlib import Path

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.states import Role
from tests.features.team import ADMIN
from tests.support.installation import Installation
from tests.support.wire_client import RefusedByServer, WireClient, client_id

MANY = 400
TEXT = "x" * 2000  # so that a reader who does not read falls behind what the system's buffers hold


def numbers(said: list[e.AnySaid]) -> list[int]:
    return [event.number for event in said if isinstance(event, (e.Message, e.Kicked, e.Joined, e.Left, e.TopicSet))]


def says_the_end(said: e.AnySaid, number: int) -> bool:
    """Whether this is the kick itself, or the announcement that it was skipped; none may name a later number."""
    if isinstance(said, e.RoomGap):
        assert said.last <= number
        return said.last == number
    return isinstance(said, e.Kicked) and said.number == number


def post_many(client: WireClient, run: int) -> None:
    for count in range(MANY):
        client.post("dev", TEXT, client_id(run, count))


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "slow"])
def test_a_kicked_reader_receives_nothing_above_his_kick(tmp_path: Path, fast: bool) -> None:
    installation = Installation(tmp_path)
    installation.seed(["admin1"], ["dev"], role=Role.ADMINISTRATOR)
    installation.seed(["reader", "talker"], ["dev"])
    with installation.start():
        administrator, reader, talker = (installation.connect_as(name) for name in ("admin1", "reader", "talker"))
        reader.open("dev")
        post_many(talker, 1)
        if fast:
            reader.wait(lambda said: isinstance(said, e.Message) and said.client_id == client_id(1, MANY - 1))
        posting = threading.Thread(target=post_many, args=(talker, 2))
        posting.start()
        kick = administrator.ask(c.RoomKick(administrator.next_id(), "dev", client_id(9, 1), "reader", "enough"))
        assert isinstance(kick, e.Accepted)
        posting.join()
        reader.wait(lambda said: says_the_end(said, kick.number))
        assert isinstance(reader.ask(c.Ping(reader.next_id())), e.PongReply)
        assert max(numbers(list(reader.said)), default=0) <= kick.number
        with pytest.raises(RefusedByServer, match=r"room\.not_member"):
            reader.ask(c.RoomHistory(reader.next_id(), "dev", 1, kick.number + 5))
        for client in (administrator, reader, talker):
            client.close()


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "slow"])
def test_a_disabled_reader_receives_nothing_that_was_said_after_it(tmp_path: Path, fast: bool) -> None:
    installation = Installation(tmp_path)
    installation.seed(["reader", "talker"], ["dev"])
    with installation.start(), installation.connect_as("reader") as reader, installation.connect_as("talker") as talker:
        reader.open("dev")
        post_many(talker, 1)
        if fast:
            reader.wait(lambda said: isinstance(said, e.Message) and said.client_id == client_id(1, MANY - 1))
        accepted: list[int] = []

        def post_on() -> None:
            accepted.extend(talker.post("dev", TEXT, client_id(2, count)).number for count in range(MANY))

        posting = threading.Thread(target=post_on)
        posting.start()
        ADMIN.run(tmp_path, "--config", str(installation.settings_file), "user", "disable", "reader", "--yes")
        said_by_then = len(accepted)
        posting.join()
        accepted.append(talker.post("dev", "he is gone", client_id(3, 1)).number)
        reader.wait_until_closed()
        # One post may have been under way when the operator's command came back.
        assert max(numbers(list(reader.said)), default=0) <= accepted[min(said_by_then, MANY - 1)]
        assert max(numbers(list(reader.said)), default=0) < accepted[-1]
