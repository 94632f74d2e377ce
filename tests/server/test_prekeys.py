"""Prekeys on the wire: put on the shelf by their device alone, handed out once, missed in time."""

import secrets
import time

import pytest

from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.limits import DAY_MS, ONE_TIME_PREKEYS_REFILL_AT
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server.settings.model import Rates
from tests.support.direct_wire import claim, one_time_prekeys, publish
from tests.support.installation import Installation
from tests.support.people import TestPerson, make_person
from tests.support.running_core import CoreOptions, RunningCore
from tests.support.wire_client import WireClient


@pytest.fixture
def owner(core_installation: Installation) -> TestPerson:
    """Somebody with an empty shelf."""
    (person,) = core_installation.seed([f"owner{len(core_installation.people)}"])
    return person


def refused(client: WireClient, command: c.Command) -> str:
    reply = client.answer_to(client.send(command))
    assert isinstance(reply, e.Failure), reply
    return reply.code


def test_each_one_time_prekey_is_handed_out_once_and_then_the_signed_one_alone(
    core_installation: Installation, owner: TestPerson
) -> None:
    uploaded = one_time_prekeys(owner, 22)
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as(owner.name) as shelf,
        core.connect_as("alice") as alice,
        core.connect_as("bob") as bob,
    ):
        assert claim(alice, owner).one_time == b"", "the shelf is empty"
        kept = shelf.ask(c.PrekeysPublish(shelf.next_id(), b"", uploaded))
        assert isinstance(kept, e.PrekeysKept)
        assert kept.live == 22
        bundles = [claim(alice, owner), claim(bob, owner), claim(alice, owner)]
        assert {bundle.signed_prekey for bundle in bundles} == {owner.signed_prekey.published.encode()}
        assert bundles[0].one_time in uploaded
        assert bundles[1].one_time in uploaded
        assert bundles[0].one_time != bundles[1].one_time
        assert bundles[2].one_time == b"", "one for each asker in ten minutes"


def test_a_device_is_told_when_few_are_left_now_and_at_its_next_login(
    core_installation: Installation, owner: TestPerson
) -> None:
    with RunningCore(core_installation, CoreOptions()) as core:
        with core.connect_as(owner.name) as shelf, core.connect_as("alice") as alice:
            publish(shelf, owner, ONE_TIME_PREKEYS_REFILL_AT + 1)
            assert claim(alice, owner).one_time
            assert shelf.wait_for(e.PrekeysLow).live == ONE_TIME_PREKEYS_REFILL_AT
        with core.connect() as shelf:
            welcome = shelf.resume(owner)
            assert welcome.one_time_prekeys == ONE_TIME_PREKEYS_REFILL_AT
            assert welcome.signed_prekey_id == owner.signed_prekey.published.prekey.prekey_id


def test_a_new_signed_prekey_takes_the_place_of_the_old_one(core_installation: Installation, owner: TestPerson) -> None:
    newer = SignedPrekeySecret.generate(owner.device, owner.user_id, secrets.token_bytes, int(time.time() * 1000))
    with (
        RunningCore(core_installation, CoreOptions()) as core,
        core.connect_as(owner.name) as shelf,
        core.connect_as("alice") as alice,
    ):
        kept = shelf.ask(c.PrekeysPublish(shelf.next_id(), newer.published.encode()))
        assert isinstance(kept, e.PrekeysKept)
        assert claim(alice, owner).signed_prekey == newer.published.encode()


def test_prekeys_that_the_asking_device_has_not_signed_are_refused_and_none_of_them_kept(
    core_installation: Installation, owner: TestPerson
) -> None:
    stranger = make_person("stranger")
    good, foreign = one_time_prekeys(owner, 2), one_time_prekeys(stranger, 1)
    altered = good[0][:-1] + bytes([good[0][-1] ^ 1])
    now = int(time.time() * 1000)
    future = SignedPrekeySecret.generate(owner.device, owner.user_id, secrets.token_bytes, now + 2 * DAY_MS)
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as(owner.name) as shelf:
        for command in (
            c.PrekeysPublish(shelf.next_id(), b"", [*good, *foreign]),
            c.PrekeysPublish(shelf.next_id(), b"", [good[1], altered]),
            c.PrekeysPublish(shelf.next_id(), stranger.signed_prekey.published.encode(), good),
        ):
            assert refused(shelf, command) == "signature.invalid"
        assert refused(shelf, c.PrekeysPublish(shelf.next_id(), b"\x00" * 1297, good)).startswith("encoding")
        assert refused(shelf, c.PrekeysPublish(shelf.next_id(), future.published.encode(), good)) == "prekey.invalid"
        kept = shelf.ask(c.PrekeysPublish(shelf.next_id(), b"", []))
        assert isinstance(kept, e.PrekeysKept)
        assert kept.live == 0


def test_who_asks_for_prekeys_too_often_is_told_when_to_come_back(
    core_installation: Installation, owner: TestPerson
) -> None:
    rates = Rates(claims_per_minute=60, claims_burst=2)
    with RunningCore(core_installation, CoreOptions(rates=rates)) as core, core.connect_as("alice") as alice:
        for _ in range(2):
            claim(alice, owner)
        reply = alice.answer_to(alice.send(c.PrekeysClaim(alice.next_id(), owner.user_id, [owner.device.device_id])))
        assert isinstance(reply, e.Failure)
        assert reply.code == "rate.limited"
        assert reply.retry_after is not None
        assert 0 < reply.retry_after <= 1.0


def test_device_lists_are_found_by_name_and_by_user_id(core_installation: Installation, owner: TestPerson) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as alice:
        for query in (
            c.DeviceListQuery(alice.next_id(), owner.name),
            c.DeviceListQuery(alice.next_id(), "", owner.user_id),
        ):
            found = alice.ask(query)
            assert isinstance(found, e.DeviceLists)
            assert (found.user_id, found.name, found.state) == (owner.user_id, owner.name, "enabled")
            assert found.lists == [owner.device_list.signed.encode()]
        assert refused(alice, c.DeviceListQuery(alice.next_id(), "nobody at all")) == "user.unknown"
