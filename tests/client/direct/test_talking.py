"""Two people and a post office in memory: what each hears, what is kept, and what the server is asked."""

from tests.client.direct.talkers import Scene


def test_both_ways_each_message_is_heard_once_and_in_order(scene: Scene) -> None:
    alice, bob = scene.pair()
    for number in range(5):
        alice.say("bob", f"to bob {number}")
    assert bob.texts() == [f"to bob {number}" for number in range(5)]
    for number in range(5):
        bob.say("alice", f"to alice {number}")
    assert alice.texts() == [f"to alice {number}" for number in range(5)]
    assert all(not scene.office.mailboxes[person.key] for person in (alice, bob))
