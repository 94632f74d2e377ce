"""One entry that cannot be written hurts nobody else."""

import sqlite3
from contextlib import closing
from pathlib import Path

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.installation import Installation
from tests.support.wire_client import client_id

SENDERS = [f"sender{index}" for index in range(8)]
EACH = 25  # messages; 8 x 25 = 200
PLANTED = "this one cannot be written"


def plant(database: Path) -> None:
    """Make the database itself refuse one text."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER planted BEFORE INSERT ON room_log WHEN NEW.body = 'this one cannot be written' "
            "BEGIN SELECT RAISE(ABORT, 'planted'); END"
        )


def test_amid_200_entries_the_one_that_fails_is_answered_and_nobody_is_disconnected(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(SENDERS, ["dev"])
    with installation.start():
        plant(installation.data / "secure-chat.db")  # not before: tables that are not its own a server refuses
        clients = [installation.connect_as(name) for name in SENDERS]
        requests = []
        for count in range(EACH):
            for run, client in enumerate(clients, start=1):
                text = PLANTED if (run, count) == (3, 11) else f"good {run} {count}"
                requests.append((client, client.send(c.RoomPost(client.next_id(), "dev", client_id(run, count), text))))
        failures = []
        numbers = []
        for client, request in requests:
            said = client.answer_to(request)
            if isinstance(said, e.Failure):
                failures.append(said.code)
            else:
                assert isinstance(said, e.Accepted)
                numbers.append(said.number)
        assert failures == ["internal"]
        assert len(numbers) == 199
        assert sorted(numbers) == list(range(min(numbers), min(numbers) + 199)), "no gap where the bad one was"
        for run, client in enumerate(clients, start=1):
            assert client.post("dev", "still here", client_id(run, EACH)).number
            client.close()
