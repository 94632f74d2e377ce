"""Row S0.1: many people talk at once, and the server's threads share the work."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.features.team import Team, running_team
from tests.support.wire_client import WireClient, client_id

TALKERS = [f"talker{number}" for number in range(60)]
SILENT = [f"silent{number}" for number in range(200)]
EACH = 5  # messages


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("many"), [*TALKERS, *SILENT, "alice", "bob"], ["dev"]) as made:
        yield made


def hear(client: WireClient, count: int) -> list[tuple[int, str, str]]:
    """So many messages, in the order in which they came."""
    heard = [client.wait_for(e.Message) for _ in range(count)]
    return [(message.number, message.sender, message.text) for message in heard]


def test_s0_1_many_clients_talk_at_once(team: Team) -> None:
    texts = {name: [f"{name} says {count}" for count in range(EACH)] for name in TALKERS}
    with ExitStack() as stack:
        alice = stack.enter_context(team.machine("alice").at_terminal())
        alice.expect_text("#lobby >")
        alice.enter("/go dev")
        alice.expect_text("#dev >")
        clients = {name: stack.enter_context(team.wire(name)) for name in TALKERS}
        for client in clients.values():
            client.open("dev")
        for run, (name, client) in enumerate(clients.items(), start=1):  # nobody waits for anybody's answer
            for count, text in enumerate(texts[name]):
                client.send(c.RoomPost(client.next_id(), "dev", client_id(run, count), text))
        alice.enter("alice says it from a terminal")
        team.machine("bob").done("send", "-t", "#dev", "-m", "bob says it from a script")
        heard = {name: hear(client, len(TALKERS) * EACH + 2) for name, client in clients.items()}
        (first, *others) = heard.values()
        assert all(other == first for other in others), "everybody hears everything, in one order"
        numbers = [number for number, _, _ in first]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        for name in TALKERS:
            assert [text for _, sender, text in first if sender == name] == texts[name]
        assert {sender for _, sender, _ in first} == {*TALKERS, "alice", "bob"}
        firsts = ["#dev bob: bob says it from a script", *(f"#dev {name}: {texts[name][0]}" for name in TALKERS)]
        alice.read_until(lambda shown: all(line in shown for line in firsts), "what everybody says first")


def test_s0_1_not_a_thread_for_each_client(team: Team) -> None:
    with team.wire("talker0") as first:
        first.post("dev", "everything has been used once", client_id(1, 1000))
        few = team.server.threads()
        with ExitStack() as stack:
            clients = [stack.enter_context(team.wire(name)) for name in SILENT]
            assert team.server.threads() == few
            for client in clients:
                client.open("dev")
            for run, client in enumerate(clients, start=100):
                client.send(c.RoomPost(client.next_id(), "dev", client_id(run, 0), "somebody else"))
            for client in clients:
                hear(client, len(SILENT))
            assert team.server.threads() == few
