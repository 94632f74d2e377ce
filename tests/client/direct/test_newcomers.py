"""A server that invents people who write fills no vault: so many a day, said once, and nobody who is known waits."""

import pytest

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.records import CONTACTS, PEERS, Contact
from secure_chat.client.events import Told
from secure_chat.errors import NewcomersWait
from secure_chat.limits import MAX_NEWCOMERS, NEWCOMERS_HOURS
from tests.client.direct.device import Device
from tests.client.direct.test_crowded_mailbox import Server
from tests.support.people import TestPerson, make_person

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def invented() -> list[TestPerson]:
    """Accounts of nobody, and one more than a day allows."""
    return [make_person(f"invented-{number}") for number in range(MAX_NEWCOMERS + 1)]


def pinned(own: Device) -> int:
    """Contacts in the vault; each has its lists beside it."""
    with own.vault.transaction() as transaction:
        contacts, peers = transaction.scan(CONTACTS), transaction.scan(PEERS)
    assert len(contacts) == len(peers)
    return len(contacts)


def warnings(server: Server) -> int:
    return sum(isinstance(event, Told) and isinstance(event.error, NewcomersWait) for event in server.told)


def test_a_day_has_room_for_so_many_and_what_others_write_waits_and_is_said_once(
    own: Device, invented: list[TestPerson]
) -> None:
    later = [make_person("late-one"), make_person("late-two")]
    server = Server(own, invented + later)
    first = [server.put(person) for person in invented[:MAX_NEWCOMERS]]
    server.run()
    assert (pinned(own), warnings(server)) == (MAX_NEWCOMERS, 0)
    assert server.acknowledged == first

    waiting = [server.put(person) for person in later]
    server.run()

    assert (pinned(own), warnings(server)) == (MAX_NEWCOMERS, 1)
    assert server.deferred == set(waiting)
    assert server.window == set()
    known = server.put(invented[0])
    server.run()
    assert server.acknowledged[-1] == known  # whoever is known waits for nobody


def test_a_restart_forgets_nothing_and_a_day_later_others_come(own: Device, invented: list[TestPerson]) -> None:
    server = Server(own, invented)
    for person in invented[:MAX_NEWCOMERS]:
        server.put(person)
    server.run()
    own.restart()
    server = Server(own, invented)
    late = server.put(invented[-1])
    server.run()
    assert (server.deferred, warnings(server)) == ({late}, 1)

    own.clock.now += NEWCOMERS_HOURS * HOUR_MS
    server = Server(own, invented)
    late = server.put(invented[-1])
    server.run()
    assert server.acknowledged == [late]
    assert pinned(own) == MAX_NEWCOMERS + 1


def test_what_a_newcomer_writes_later_does_not_overtake_what_has_to_wait(
    own: Device, invented: list[TestPerson]
) -> None:
    server = Server(own, invented)
    for person in invented:
        server.put(person)
    server.run()
    first, questions = server.deferred.copy(), server.questions
    own.clock.now += NEWCOMERS_HOURS * HOUR_MS  # there is room again, on the connection that has lasted

    second = server.put(invented[-1])
    server.run()

    assert server.deferred == first | {second}
    assert server.questions == questions
    assert second not in server.acknowledged


def test_one_name_under_any_number_of_accounts_counts_each_of_them(own: Device) -> None:
    """Each shows another key for the name, and has rows of its own."""
    namesakes = [make_person("bob") for _ in range(MAX_NEWCOMERS + 3)]
    server = Server(own, namesakes)
    for person in namesakes:
        server.put(person)
    server.run()
    with own.vault.transaction() as transaction:
        assert len(transaction.scan(PEERS)) == MAX_NEWCOMERS
    assert (len(server.deferred), warnings(server)) == (3, 1)


def test_somebody_who_came_by_an_own_invite_is_no_newcomer(own: Device, invented: list[TestPerson]) -> None:
    guest = make_person("greta")
    server = Server(own, [*invented, guest])
    for person in invented:
        server.put(person)
    server.run()
    with own.vault.transaction() as transaction:
        desk = Desk(transaction)
        key = guest.identity.public_key.raw
        desk.put_contact(Contact("greta", guest.user_id, key, own.clock.now, verified=True))
        desk.write()
    envelope = server.put(guest)
    server.run()
    assert server.acknowledged[-1] == envelope
