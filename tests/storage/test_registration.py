"""Registration: one request, one transaction; the same again gives the same answer, anything else nothing."""

import dataclasses
import secrets
from datetime import UTC, datetime

import msgspec
import pytest

from secure_chat.directory.device_list import DeviceList, SignedDeviceList
from secure_chat.directory.keys import DeviceDhKey
from secure_chat.directory.leaf import LeafType
from secure_chat.directory.prekeys import SIGNED_PREKEY_BYTES
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, first_device_list
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import (
    AuthenticationFailed,
    DeviceListError,
    DeviceUnknown,
    EncodingError,
    InviteBound,
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    NameTaken,
    PrekeyError,
    RegistrationClosed,
    SignatureError,
)
from secure_chat.protocol.events import Joined, JoinedRoom
from secure_chat.protocol.states import Role
from secure_chat.storage.entries import CreateRoom, RegisterAccount, RevokeInvite, SetAccountState
from secure_chat.storage.outcomes import LoggedIn, MembershipBegan, Refused
from tests.storage.opened import DAY_MS, HOUR_MS, Opened, appended, member_of, registration, resume
from tests.support.people import TestPerson, make_person


def test_registration_makes_the_account_its_keys_its_rooms_and_its_first_session(opened: Opened) -> None:
    opened.commit(CreateRoom(None, "dev"), CreateRoom(None, "other"))
    person = make_person("alice")
    token_hash = opened.invite(role=Role.ADMINISTRATOR, rooms=("dev", "lobby"))

    committed = opened.commit(registration(person, token_hash, proof=b"p" * 32))

    [welcome] = committed.outcomes
    assert isinstance(welcome, LoggedIn)
    account = welcome.account
    assert welcome == LoggedIn(
        account=account,
        device=person.device.device_id,
        user_id=person.user_id,
        name="alice",
        role=Role.ADMINISTRATOR,
        counter_before=0,
        device_list_version=1,
        rooms=(JoinedRoom("dev", "", 1, 1), JoinedRoom("lobby", "", 1, 1)),
        token_is_new=True,
        signed_prekey_id=person.signed_prekey.published.prekey.prekey_id,
    )
    assert committed.changes == [MembershipBegan("lobby", account, 1), MembershipBegan("dev", account, 1)]
    assert appended(committed, "dev") == [Joined("dev", 1, opened.now, "alice")]
    with opened.reader() as reader:
        facts = reader.credentials("alice")
        assert facts is not None
        assert (facts.password_hash, facts.state) == (b"hash of alice", "enabled")
        assert facts.device_list == person.device_list.signed.encode()
        assert facts.device_list_hash == facts.registered_list_hash == person.device_list.digest
        [row] = reader.directory_rows()
        assert (row.row, row.type, row.time) == (0, LeafType.IDENTITY, opened.now)
        [invite] = reader.invites().invites
        assert (invite.used, invite.used_by) == (opened.now, "alice")


def test_a_time_that_no_row_can_hold_is_refused_and_harms_nobody_in_its_batch(opened: Opened) -> None:
    late = make_person("late")
    late.device_list = first_device_list(late.identity, late.device, late.user_id, "late", 2**63)
    entries = [registration(person, opened.invite()) for person in (make_person("alice"), late, make_person("bob"))]

    first, refused, last = opened.commit(*entries).outcomes

    assert isinstance(refused, Refused)
    assert type(refused.error) is DeviceListError
    assert isinstance(first, LoggedIn)
    assert isinstance(last, LoggedIn)


@pytest.mark.negative(58)
def test_the_same_request_again_gets_the_same_answer_and_a_token_that_works(opened: Opened) -> None:
    """(negative test 58)"""
    person, token_hash = make_person("alice"), opened.invite()
    first = opened.settled(registration(person, token_hash), LoggedIn)
    again = registration(person, token_hash, repeat=True)
    again = msgspec.structs.replace(again, resume_token_hash=b"t" * 32)

    committed = opened.commit(again)

    assert committed.outcomes == [first]
    assert (committed.changes, committed.appended) == ([], {})
    member = member_of(person, first)
    assert isinstance(opened.outcome(resume(member, b"t" * 32)), LoggedIn)


def test_a_repeat_that_was_checked_before_a_reset_logs_nobody_in(opened: Opened) -> None:
    person, token_hash = make_person("alice"), opened.invite()
    opened.commit(registration(person, token_hash))
    opened.reset_link("alice")

    assert type(opened.refusal(registration(person, token_hash, repeat=True))) is AuthenticationFailed


def test_a_repeat_with_a_higher_counter_is_no_sign_of_a_clone(opened: Opened) -> None:
    """(negative test 62)"""
    person, token_hash = make_person("alice"), opened.invite()
    opened.commit(registration(person, token_hash, counter=1))

    again = opened.settled(registration(person, token_hash, repeat=True, counter=2), LoggedIn)
    third = opened.settled(registration(person, token_hash, repeat=True, counter=2), LoggedIn)

    assert again.counter_before < 2
    assert third.counter_before < 2


@pytest.mark.negative(58)
def test_a_used_token_serves_no_other_account_and_no_other_keys(opened: Opened) -> None:
    """(negative test 58)"""
    person, token_hash = make_person("alice"), opened.invite()
    opened.commit(registration(person, token_hash))
    other = dataclasses.replace(make_person("alice"), user_id=person.user_id)

    for late in (make_person("bob"), make_person("alice"), other):
        for repeat in (False, True):
            error = opened.refusal(registration(late, token_hash, repeat=repeat))
            assert isinstance(error, InviteUsed)
            assert str(datetime.fromtimestamp(opened.now / 1000, UTC).year) in error.sentence
    assert isinstance(opened.refusal(registration(person, token_hash)), InviteUsed)  # wrong login secret


@pytest.mark.negative(58)
def test_a_repeat_without_a_right_login_is_refused_in_open_registration_too(opened: Opened) -> None:
    person = make_person("alice")
    opened.commit(registration(person, None, mode="open"))

    assert isinstance(opened.refusal(registration(person, None, mode="open")), NameTaken)
    assert isinstance(opened.outcome(registration(person, None, mode="open", repeat=True)), LoggedIn)


def test_a_repeat_for_a_disabled_account_is_refused_as_a_login(opened: Opened) -> None:
    person, token_hash = make_person("alice"), opened.invite()
    opened.commit(registration(person, token_hash), SetAccountState("alice", "disabled"))

    assert isinstance(opened.refusal(registration(person, token_hash, repeat=True)), AuthenticationFailed)


@pytest.mark.parametrize(
    ("mode", "invited", "refused"),
    [
        ("open", "not", None),
        ("open", "anybody", None),
        ("invite", "not", RegistrationClosed),
        ("invite", "anybody", None),
        ("closed", "not", RegistrationClosed),
        ("closed", "anybody", RegistrationClosed),
        ("closed", "by name", None),
        ("closed", "as administrator", None),
    ],
)
def test_who_may_register_is_the_mode_and_the_invite(
    opened: Opened, mode: str, invited: str, refused: type[Exception] | None
) -> None:
    token_hash = None
    if invited != "not":
        role = Role.ADMINISTRATOR if invited == "as administrator" else Role.MEMBER
        token_hash = opened.invite(role=role, name="alice" if invited == "by name" else "")

    outcome = opened.outcome(registration(make_person("alice"), token_hash, mode=mode))

    if refused is None:
        assert isinstance(outcome, LoggedIn)
    else:
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, refused)


def test_an_invite_is_used_once_in_time_by_the_name_it_is_for(opened: Opened) -> None:
    unknown = registration(make_person("alice"), b"?" * 32)
    bound = registration(make_person("alice"), opened.invite(name="bob"))
    reset = opened.register("carol")
    by_reset = registration(make_person("alice"), opened.reset_link(reset.name))
    late = registration(make_person("alice"), opened.invite(hours=1))
    withdrawn_token = opened.invite()
    with opened.reader() as reader:
        newest = reader.invites().invites[0].number
    opened.commit(RevokeInvite(newest))
    withdrawn = registration(make_person("alice"), withdrawn_token)

    opened.now += HOUR_MS

    for entry, kind in [
        (unknown, InviteUnknown),
        (bound, InviteBound),
        (by_reset, InviteUnknown),
        (late, InviteExpired),
        (withdrawn, InviteUnknown),
    ]:
        assert type(opened.refusal(entry)) is kind
    assert opened.events("lobby") == [Joined("lobby", 1, opened.now - HOUR_MS, "carol")]


def test_one_invite_makes_one_account_even_within_one_batch(opened: Opened) -> None:
    token_hash = opened.invite()

    committed = opened.commit(
        registration(make_person("alice"), token_hash), registration(make_person("bob"), token_hash)
    )

    assert [type(outcome) for outcome in committed.outcomes] == [LoggedIn, Refused]


def test_names_are_unique_by_what_they_look_like(opened: Opened) -> None:
    opened.register("alice")

    for name in ("alice", "a1ice"):
        assert isinstance(opened.refusal(registration(make_person(name), opened.invite())), NameTaken)


@pytest.mark.negative(24)
def test_a_deleted_name_is_never_given_again_nor_what_looks_like_it(opened: Opened) -> None:
    """(negative test 24)"""
    opened.register("alice")
    opened.commit(SetAccountState("alice", "deleted"))
    opened.reopen()

    for name in ("alice", "a1ice"):
        assert isinstance(opened.refusal(registration(make_person(name), opened.invite())), NameTaken)


def test_a_refused_registration_leaves_the_invite_usable_and_no_row(opened: Opened) -> None:
    opened.register("alice")
    token_hash = opened.invite()
    opened.commit(registration(make_person("a1ice"), token_hash))

    assert isinstance(opened.outcome(registration(make_person("bob"), token_hash)), LoggedIn)
    with opened.reader() as reader:
        assert [row.name for row in reader.directory_rows()] == ["alice", "bob"]


# --- keys ----------------------------------------------------------------------------------------


def _with_list(person: TestPerson, device_list: DeviceList) -> RegisterAccount:
    """A registration whose list is signed by the person, right or wrong."""
    signed = person.identity.sign(device_list)
    return msgspec.structs.replace(registration(person, None, mode="open"), device_list=signed.encode())


@pytest.mark.negative(59)
def test_a_key_that_any_device_ever_had_is_refused(opened: Opened) -> None:
    """(negative test 59)"""
    alice = opened.register("alice")
    opened.commit(SetAccountState("alice", "deleted"))
    random = secrets.token_bytes
    theirs = alice.person.device
    thief = make_person("mallory")
    for device in (
        dataclasses.replace(theirs, device_id=thief.device.device_id),
        dataclasses.replace(theirs, dh_secret=random(32)),
        dataclasses.replace(theirs, signing_seed=random(32)),
    ):
        stolen = first_device_list(thief.identity, device, thief.user_id, "mallory", opened.now)
        prekey = SignedPrekeySecret.generate(device, thief.user_id, random, opened.now)
        entry = registration(dataclasses.replace(thief, device=device, device_list=stolen, signed_prekey=prekey), None)
        entry = msgspec.structs.replace(entry, registration="open")
        assert isinstance(opened.refusal(entry), DeviceListError)


@pytest.mark.negative(59)
def test_the_same_x25519_key_in_another_form_is_the_same_key(opened: Opened) -> None:
    """(negative test 59)"""
    alice = opened.register("alice")
    thief = make_person("mallory")
    raw = alice.person.device.dh_key.raw
    other_form = DeviceDhKey(raw[:31] + bytes([raw[31] | 0x80]))
    device = _OtherForm(thief.device.device_id, thief.device.signing_seed, thief.device.dh_secret, other_form)
    entry_of_list = device.entry(thief.user_id, thief.identity.public_key, opened.now)
    entry = _with_list(thief, dataclasses.replace(thief.device_list.device_list, devices=(entry_of_list,)))

    assert isinstance(opened.refusal(entry), DeviceListError)


@dataclasses.dataclass(frozen=True, slots=True)
class _OtherForm(DeviceSecrets):
    """A device that claims a DH key in another form."""

    claimed: DeviceDhKey = dataclasses.field(kw_only=False)

    @property
    def dh_key(self) -> DeviceDhKey:
        return self.claimed


def test_a_user_id_belongs_to_one_account(opened: Opened) -> None:
    alice = opened.register("alice")
    thief = make_person("mallory")
    taken = first_device_list(thief.identity, thief.device, alice.person.user_id, "mallory", opened.now)
    prekey = SignedPrekeySecret.generate(thief.device, alice.person.user_id, secrets.token_bytes, opened.now)
    entry = registration(
        dataclasses.replace(thief, user_id=alice.person.user_id, device_list=taken, signed_prekey=prekey), None
    )

    assert isinstance(opened.refusal(msgspec.structs.replace(entry, registration="open")), DeviceListError)


@pytest.mark.negative(57)
def test_every_malformed_device_list_is_refused(opened: Opened) -> None:
    """(negative test 57)"""
    alice, eve = make_person("alice"), make_person("eve")
    good = alice.device_list.device_list
    [entry] = good.devices
    encoded = alice.device_list.signed.encode()
    foreign_pop = dataclasses.replace(entry, pop=eve.device_list.device_list.devices[0].pop)
    forged = SignedDeviceList(good, eve.device_list.signed.signature).encode()
    plain = registration(alice, None, mode="open")
    refused = [
        *(msgspec.structs.replace(plain, device_list=data) for data in (b"", encoded[:-1], encoded + b"\0", forged)),
        _with_list(alice, dataclasses.replace(good, name="bob")),
        _with_list(alice, dataclasses.replace(good, version=2, prev_hash=b"h" * 32)),
        _with_list(alice, dataclasses.replace(good, devices=(foreign_pop,))),
        msgspec.structs.replace(plain, device_list=eve.device_list.signed.encode()),
    ]

    for each in refused:
        assert isinstance(opened.refusal(each), DeviceListError | SignatureError | EncodingError)
    assert isinstance(opened.outcome(plain), LoggedIn)


def test_a_prekey_that_is_not_the_devices_own_or_not_fresh_is_refused(opened: Opened) -> None:
    """(negative tests 50 and 57)"""
    alice, eve = make_person("alice"), make_person("eve")
    plain = registration(alice, None, mode="open")
    early = SignedPrekeySecret.generate(alice.device, alice.user_id, secrets.token_bytes, opened.now + 25 * HOUR_MS)
    old = SignedPrekeySecret.generate(alice.device, alice.user_id, secrets.token_bytes, opened.now - 61 * DAY_MS)
    good = alice.signed_prekey.published.encode()

    for prekey, kind in [
        (eve.signed_prekey.published.encode(), SignatureError),
        (good[:SIGNED_PREKEY_BYTES], EncodingError),
        (early.published.encode(), PrekeyError),
        (old.published.encode(), PrekeyError),
    ]:
        assert isinstance(opened.refusal(msgspec.structs.replace(plain, signed_prekey=prekey)), kind)
    assert isinstance(opened.refusal(msgspec.structs.replace(plain, device=eve.device.device_id)), DeviceUnknown)


def test_a_list_of_several_devices_is_accepted(opened: Opened) -> None:
    alice = make_person("alice")
    more = [DeviceSecrets.generate(secrets.token_bytes) for _ in range(7)]
    entries = [device.entry(alice.user_id, alice.identity.public_key, opened.now) for device in (alice.device, *more)]
    entries.sort(key=lambda entry: entry.device_id)

    outcome = opened.outcome(
        _with_list(alice, dataclasses.replace(alice.device_list.device_list, devices=tuple(entries)))
    )

    assert isinstance(outcome, LoggedIn)
    with opened.reader() as reader:
        details = reader.user("alice")
    assert details is not None
    assert [device.device_id for device in details.devices] == [entry.device_id for entry in entries]


def test_the_disk_has_hashes_of_tokens_and_neither_tokens_nor_login_secrets(opened: Opened) -> None:
    token_hash = opened.invite()
    person = make_person("alice")
    opened.commit(registration(person, token_hash))
    opened.store.close()
    try:
        stored = b"".join(path.read_bytes() for path in opened.directory.iterdir())
    finally:
        opened.store = type(opened.store).open(opened.directory, now_ms=opened.now)

    assert token_hash in stored
    assert person.resume_token not in stored
    assert person.login_secret not in stored


def test_an_identity_of_one_account_may_not_sign_anothers_list(opened: Opened) -> None:
    alice = make_person("alice")
    signed = IdentitySecret.generate(secrets.token_bytes).sign(alice.device_list.device_list)
    entry = msgspec.structs.replace(registration(alice, None, mode="open"), device_list=signed.encode())

    assert isinstance(opened.refusal(entry), SignatureError)
