"""Members who stop reading cost the server a bounded amount, and lose nothing."""

from pathlib import Path

import pytest

from secure_chat.limits import MAX_PENDING_CIPHERTEXT_BYTES, MAX_RING_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.installation import HOST, Installation, ServerProcess
from tests.support.wire_client import WireClient, client_id

MEMBERS = 64
MIB = 1024 * 1024
TEXT = "the quick brown fox jumps over the lazy dog " * 180  # 7,920 bytes
OUTSTANDING = 24
SMALL_BUFFER = 16 * 1024  # bytes the system takes for a client: what is behind must lie with the server
WARM_UP_MIB = 6  # caches of the database and of the allocator fill once


def post_mebibytes(talker: WireClient, run: int, mebibytes: int) -> int:
    """Post so much text; returns the number of the last message."""
    total = mebibytes * MIB // len(TEXT)
    requests: list[int] = []
    number = 0
    for count in range(total):
        requests.append(talker.send(c.RoomPost(talker.next_id(), "dev", client_id(run, count), TEXT)))
        if len(requests) >= OUTSTANDING or count == total - 1:
            for request in requests:
                accepted = talker.reply_to(request)
                assert isinstance(accepted, e.Accepted)
                number = accepted.number
            requests.clear()
            talker.said.clear()
    return number


class Member:
    """Somebody who stops reading, and later wants everything."""

    def __init__(self, installation: Installation, name: str) -> None:
        self._installation = installation
        self._name = name
        self.last = 0
        self.gaps = 0
        self._connect()

    def _connect(self) -> None:
        installation = self._installation
        self.client = WireClient(HOST, installation.port, installation.authority, receive_buffer=SMALL_BUFFER)
        self.client.resume(installation.people[self._name])
        self.last = self.client.open("dev", self.last or None).after

    def read_to(self, head: int, *, page_gaps: bool) -> None:
        """Read until the event `head`; every number comes, live or in a gap that is announced and then paged."""
        while self.last < head:
            try:
                said = self.client.wait(lambda said: isinstance(said, (e.Message, e.RoomGap, e.Joined)))
            except EOFError:  # slow.reader: too long without a byte taken
                self.client.close()
                self._connect()
                continue
            if isinstance(said, e.RoomGap):
                assert said.first == self.last + 1
                self.gaps += 1
                if page_gaps:
                    numbers = [getattr(event, "number", 0) for event in self.client.pages("dev", said.first, said.last)]
                    assert numbers == list(range(said.first, said.last + 1))
                self.last = said.last
            elif isinstance(said, (e.Message, e.Joined)):
                assert said.number == self.last + 1, "neither the next one nor a gap"
                self.last = said.number


def stop_reading(directory: Path, mebibytes: int, paging_members: int) -> None:
    installation = Installation(directory)
    names = [f"member{index}" for index in range(MEMBERS)]
    installation.seed([*names, "talker"], ["dev"])
    with installation.start() as server:
        talker = installation.connect_as("talker")
        talker.open("dev")
        members = [Member(installation, name) for name in names]
        head = post_mebibytes(talker, 1, WARM_UP_MIB)
        for member in members:
            member.read_to(head, page_gaps=False)
        head = hold_the_bound(server, talker, mebibytes)
        for index, member in enumerate(members):
            member.gaps = 0
            member.read_to(head, page_gaps=index < paging_members)
            assert member.gaps, "nobody fell behind the ring: this test has shown nothing"
            member.client.close()
        talker.close()


def hold_the_bound(server: ServerProcess, talker: WireClient, mebibytes: int) -> int:
    before = server.resident_kib()
    head = post_mebibytes(talker, 2, mebibytes)
    grown = (server.resident_kib() - before) * 1024
    bound = MAX_RING_BYTES + MEMBERS * MAX_PENDING_CIPHERTEXT_BYTES
    assert grown <= bound, f"grew by {grown:,} bytes, the bound is {bound:,}"
    return head


def test_sixty_four_members_who_stop_reading_cost_a_ring_and_their_pending_bytes(tmp_path: Path) -> None:
    stop_reading(tmp_path, mebibytes=16, paging_members=4)


@pytest.mark.long
def test_sixty_four_members_stop_reading_while_100_mebibytes_pass(tmp_path: Path) -> None:
    stop_reading(tmp_path, mebibytes=100, paging_members=MEMBERS)
