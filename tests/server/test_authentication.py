"""What the authentication pool finds out: who gets in, who does not, and that the difference does not show."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import msgspec
import pytest

from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, first_device_list
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    DeviceElsewhere,
    DeviceListError,
    DeviceSignatureInvalid,
    InviteBound,
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    NameInvalid,
    NameTaken,
    PrekeyTooOld,
    RateLimited,
    RegistrationClosed,
    SignatureError,
)
from secure_chat.protocol.authentication import invite_token_hash, resume_token_hash
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.commands import InviteQuery
from secure_chat.protocol.events import InviteFacts, WelcomeLimited
from secure_chat.protocol.frames import split_frames
from secure_chat.server.authentication import Authenticator, Clocks
from secure_chat.server.authentication_requests import AnyAuthenticationRequest, Binding, CheckInvite
from secure_chat.server.items import Limited, WithToken
from secure_chat.server.replies import failure
from secure_chat.server.session import LimitedSession
from secure_chat.storage.entries import ChangePassphrase, LogIn, RecoverAccount, RegisterAccount
from secure_chat.storage.outcomes import LoggedIn
from tests.storage.opened import DAY_MS, Member, replacement
from tests.support.authenticating import ADDRESS, BINDING, Authenticating, authenticating, proof_by, proof_of
from tests.support.people import TestPerson, make_person


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Authenticating]:
    with authenticating(tmp_path) as made:
        yield made


@dataclass(slots=True)
class Work:
    """bcrypt computations, by kind and cost."""

    done: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counted, check, make = Work(), bcrypt.checkpw, bcrypt.hashpw

    def checkpw(password: bytes, hashed_password: bytes) -> bool:
        counted.done[f"check {hashed_password[4:6].decode()}"] += 1
        return check(password, hashed_password)

    def hashpw(password: bytes, salt: bytes) -> bytes:
        counted.done[f"make {salt[4:6].decode()}"] += 1
        return make(password, salt)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    return counted


def refusal(pool: Authenticating, request: AnyAuthenticationRequest) -> ChatError:
    with pytest.raises(ChatError) as caught:
        pool.find(request)
    return caught.value


def member(person: TestPerson, account: int) -> Member:
    return Member(person, account, person.device.device_id, b"", person.device_list)


# --- login -------------------------------------------------------------------------------------------


def test_a_right_passphrase_and_the_devices_signature_become_an_entry(pool: Authenticating) -> None:
    person, account = pool.registered("alice")
    found = pool.find(pool.login(person))
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, LogIn)
    assert (found.entry.account, found.entry.device) == (account, person.device.device_id)
    assert found.entry.resume_token_hash == resume_token_hash(found.token)
    assert isinstance(pool.opened.outcome(found.entry), LoggedIn)


def test_unknown_disabled_and_wrong_get_the_same_bytes_for_the_same_work(pool: Authenticating, work: Work) -> None:
    person, _ = pool.registered("alice")
    disabled, _ = pool.registered("carol")
    deleted, _ = pool.registered("erin")
    pool.set_state("carol", "disabled")
    pool.set_state("erin", "deleted")
    answers, works = set(), []
    for request in (
        pool.login(person, secret=secrets.token_bytes(32)),
        pool.login(disabled),
        pool.login(deleted),
        pool.login(make_person("nobody")),
        pool.login(make_person("nobody"), name="no such name!"),
    ):
        work.done.clear()
        answers.add(failure(1, refusal(pool, request)))
        works.append(dict(work.done))
    assert len(answers) == 1
    assert works == [{"check 10": 1}] * 5


@pytest.mark.parametrize(("stored", "configured"), [(10, 10), (10, 13), (13, 10)])
def test_the_work_does_not_tell_names_apart_after_the_cost_was_changed(
    pool: Authenticating, stored: int, configured: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, account = pool.registered("alice")
    disabled, _ = pool.registered("carol")
    pool.set_state("carol", "disabled")
    found = pool.find(pool.login(person))
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, LogIn)
    other = b"$2b$%d$" % stored + found.entry.password_hash[7:]
    pool.done(ChangePassphrase(account, person.device.device_id, found.entry.password_hash, other))
    spent: list[int] = []

    def checkpw(_: bytes, hashed_password: bytes) -> bool:
        spent.append(2 ** int(hashed_password[4:6]))
        return False

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    clocks, works = Clocks(lambda: pool.opened.now, lambda: 0.0), []
    with pool.opened.reader() as reader:
        for asking in (make_person("nobody"), disabled, person):
            authenticator = Authenticator(reader, pool.limits, clocks, secrets.token_bytes)
            request = msgspec.structs.replace(pool.login(asking), cost=configured)
            with pytest.raises(AuthenticationFailed):
                authenticator.find(request, ADDRESS)
            works.append(sum(spent))
            spent.clear()
    assert works == [2 ** max(stored, configured)] * 3


@pytest.mark.parametrize(
    "stored", [b"", b"plain", b"$2b$31$" + b"." * 53, b"$2b$04$" + b"." * 53, b"$2y$12$" + b"a" * 53]
)
def test_a_damaged_hash_fails_like_a_wrong_passphrase_and_nothing_breaks(
    pool: Authenticating, work: Work, stored: bytes
) -> None:
    person, account = pool.registered("alice")
    found = pool.find(pool.login(person))
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, LogIn)
    pool.done(ChangePassphrase(account, person.device.device_id, found.entry.password_hash, stored))
    work.done.clear()
    assert isinstance(refusal(pool, pool.login(person)), AuthenticationFailed)
    assert dict(work.done) == {"check 10": 1}


def test_five_wrong_passphrases_bring_a_pause_in_which_nothing_is_computed(pool: Authenticating, work: Work) -> None:
    person, _ = pool.registered("alice")
    wrong = pool.login(person, secret=secrets.token_bytes(32))
    sentences = [refusal(pool, wrong).sentence for _ in range(5)]
    assert sentences[0].endswith("4 tries left before a 60 s pause.")
    assert sentences[4].endswith("No more tries for 60 s.")
    work.done.clear()
    error = refusal(pool, pool.login(person))
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert dict(work.done) == {}
    assert isinstance(pool.find(pool.login(person), "10.0.0.2"), WithToken)  # elsewhere the owner gets in
    pool.opened.now += 60_000
    assert isinstance(pool.find(pool.login(person)), WithToken)


@pytest.mark.negative(47)
@pytest.mark.parametrize(
    "binding",
    [
        Binding(b"t" * 32, BINDING.nonce, BINDING.leaf_hash),
        Binding(BINDING.server_id, b"o" * 32, BINDING.leaf_hash),
        Binding(BINDING.server_id, BINDING.nonce, b"m" * 32),
    ],
    ids=["another server", "another connection", "another certificate"],
)
@pytest.mark.negative(47)
def test_a_signature_for_something_else_is_refused(pool: Authenticating, binding: Binding) -> None:
    person, _ = pool.registered("alice")
    error = refusal(pool, pool.login(person, proof=proof_of(person, binding)))
    assert isinstance(error, DeviceSignatureInvalid)


@pytest.mark.negative(47)
def test_a_signature_of_another_device_or_person_is_refused(pool: Authenticating) -> None:
    person, _ = pool.registered("alice")
    other, _ = pool.registered("bob")
    own = proof_of(person)
    forged = msgspec.structs.replace(own, signature=proof_of(other).signature)
    assert isinstance(refusal(pool, pool.login(person, proof=forged)), DeviceSignatureInvalid)
    assert isinstance(refusal(pool, pool.login(person, proof=proof_of(other))), DeviceElsewhere)
    unknown = proof_by(person, DeviceSecrets.generate(secrets.token_bytes))
    assert isinstance(refusal(pool, pool.login(person, proof=unknown)), DeviceElsewhere)


@pytest.mark.negative(47)
def test_without_a_device_one_is_told_the_newest_list_and_nothing_else(pool: Authenticating) -> None:
    person, account = pool.registered("alice")
    found = pool.find(pool.login_without_device(person))
    assert isinstance(found, Limited)
    assert found.session == limited_session(pool, person)
    assert found.session.account == account
    assert found.session.password_hash.decode() not in repr(found.session)
    reply = decode_said(split_frames(found.frame)[0])
    assert isinstance(reply, WelcomeLimited)
    assert reply.device_list == person.device_list.signed.encode()


# --- registration ------------------------------------------------------------------------------------


def test_a_registration_that_is_right_becomes_an_entry_with_one_hash(pool: Authenticating, work: Work) -> None:
    person, token = make_person("alice"), pool.token()
    work.done.clear()
    found = pool.find(pool.registration(person, token))
    assert dict(work.done) == {"make 10": 1}
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, RegisterAccount)
    assert not found.entry.repeat
    assert found.entry.token_hash == invite_token_hash(token)
    outcome = pool.opened.outcome(found.entry)
    assert isinstance(outcome, LoggedIn)
    assert outcome.token_is_new


def test_no_bcrypt_is_computed_before_everything_else_is_right(pool: Authenticating, work: Work) -> None:
    person, other = make_person("alice"), make_person("bob")
    token, used, expired = pool.token(), pool.token(), pool.token(hours=1)
    bound, reset_of = pool.token(name="carol"), pool.registered("dave")[0]
    pool.done(registered_entry(pool, make_person("frank"), used))
    reset = pool.token("reset", name=reset_of.name)
    work.done.clear()
    old_prekey = SignedPrekeySecret.generate(
        person.device, person.user_id, secrets.token_bytes, pool.opened.now - 61 * DAY_MS
    )
    unsigned = person.device_list.signed.encode()[:-1] + bytes([person.device_list.signed.encode()[-1] ^ 1])
    foreign = first_device_list(person.identity, other.device, person.user_id, "alice", pool.opened.now)
    requests: list[tuple[AnyAuthenticationRequest, type[ChatError]]] = [
        (pool.registration(person), RegistrationClosed),
        (pool.registration(person, secrets.token_bytes(16)), InviteUnknown),
        (pool.registration(person, used), InviteUsed),
        (pool.registration(person, bound), InviteBound),
        (pool.registration(person, reset), InviteUnknown),
        (pool.registration(person, token, name="Alice"), NameInvalid),
        (pool.registration(person, token, name="root"), NameInvalid),
        (pool.registration(person, token, name="alicia"), DeviceListError),
        (pool.registration(person, token, device_list=unsigned), SignatureError),
        (pool.registration(person, token, device_list=b"x"), ChatError),
        (pool.registration(person, token, device_list=foreign.signed.encode()), DeviceListError),
        (pool.registration(person, token, prekey=other.signed_prekey.published.encode()), SignatureError),
        (pool.registration(person, token, prekey=old_prekey.published.encode()), PrekeyTooOld),
        (pool.registration(person, token, proof=proof_of(other)), DeviceListError),
        (
            pool.registration(person, token, proof=proof_of(person, Binding(b"t" * 32, b"n" * 32, b"l" * 32))),
            DeviceSignatureInvalid,
        ),
    ]
    for request, expected in requests:
        assert isinstance(refusal(pool, request), expected), expected
    pool.opened.now += 2 * 60 * 60 * 1000
    assert isinstance(refusal(pool, pool.registration(person, expired)), InviteExpired)
    assert dict(work.done) == {}


def registered_entry(pool: Authenticating, person: TestPerson, token: bytes) -> RegisterAccount:
    found = pool.find(pool.registration(person, token))
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, RegisterAccount)
    return found.entry


def test_the_same_registration_again_is_answered_again_used_token_or_not(pool: Authenticating) -> None:
    person, token = make_person("alice"), pool.token()
    pool.done(registered_entry(pool, person, token))
    again = registered_entry(pool, person, token)
    assert again.repeat
    assert isinstance(pool.opened.outcome(again), LoggedIn)


def test_a_registration_for_a_name_that_somebody_has_is_refused(pool: Authenticating) -> None:
    pool.registered("alice")
    for request in (
        pool.registration(make_person("alice"), pool.token()),
        pool.registration(make_person("alice"), mode="open"),
    ):
        assert isinstance(refusal(pool, request), NameTaken)


def test_a_repeat_with_another_passphrase_is_no_repeat(pool: Authenticating) -> None:
    person, token = make_person("alice"), pool.token()
    pool.done(registered_entry(pool, person, token))
    person.login_secret = secrets.token_bytes(32)
    assert isinstance(refusal(pool, pool.registration(person, token)), NameTaken)


def test_where_registration_is_open_no_invite_is_needed(pool: Authenticating) -> None:
    found = pool.find(pool.registration(make_person("alice"), mode="open"))
    assert isinstance(found, WithToken)
    assert isinstance(pool.opened.outcome(found.entry), LoggedIn)


# --- recovery ----------------------------------------------------------------------------------------


def limited_session(pool: Authenticating, person: TestPerson) -> LimitedSession:
    """A connection of somebody who has logged in without a device."""
    found = pool.find(pool.login_without_device(person))
    assert isinstance(found, Limited)
    return found.session


def test_after_a_reset_the_passphrase_lets_nobody_in_and_costs_the_same(pool: Authenticating, work: Work) -> None:
    person, account = pool.registered("alice")
    new = replacement(member(person, account), pool.opened.now)
    limited = limited_session(pool, person)
    token = pool.token("reset", name="alice")
    work.done.clear()
    assert isinstance(refusal(pool, pool.login(person)), AuthenticationFailed)
    assert dict(work.done) == {"check 10": 1}
    assert isinstance(refusal(pool, pool.login_without_device(person)), AuthenticationFailed)
    late = pool.find(pool.recovery(person, new, limited=limited))
    assert isinstance(late, WithToken)
    assert isinstance(pool.opened.refusal(late.entry), AuthenticationFailed)
    found = pool.find(pool.recovery(person, new, token=token, secret=secrets.token_bytes(32)))
    assert isinstance(found, WithToken)
    assert isinstance(pool.opened.outcome(found.entry), LoggedIn)


def test_after_a_login_without_device_a_new_one_may_take_its_place(pool: Authenticating) -> None:
    person, account = pool.registered("alice")
    new = replacement(member(person, account), pool.opened.now)
    limited = limited_session(pool, person)
    secret = secrets.token_bytes(32)
    found = pool.find(pool.recovery(person, new, limited=limited, secret=secret))
    assert isinstance(found, WithToken)
    assert isinstance(found.entry, RecoverAccount)
    assert isinstance(pool.opened.outcome(found.entry), LoggedIn)
    assert isinstance(refusal(pool, pool.login(person)), AuthenticationFailed)  # the old secret is no longer right
    now_known = pool.login(person, secret=secret, proof=proof_by(person, new.device))
    assert isinstance(pool.find(now_known), WithToken)
    assert isinstance(refusal(pool, pool.login(person, secret=secret)), DeviceElsewhere)


def test_only_a_reset_link_lets_the_identity_change(pool: Authenticating) -> None:
    person, account = pool.registered("alice")
    new = replacement(member(person, account), pool.opened.now, identity=IdentitySecret.generate(secrets.token_bytes))
    limited = LimitedSession(account, person.user_id, "alice")
    error = refusal(pool, pool.recovery(person, new, limited=limited))
    assert isinstance(error, DeviceListError)
    token = pool.token("reset", name="alice")
    found = pool.find(pool.recovery(person, new, token=token))
    assert isinstance(found, WithToken)
    assert isinstance(pool.opened.outcome(found.entry), LoggedIn)
    again = pool.find(pool.recovery(person, new, token=token))  # its answer may have been lost
    assert isinstance(again, WithToken)
    assert isinstance(pool.opened.outcome(again.entry), LoggedIn)


def test_a_recovery_needs_a_login_before_it_or_a_reset_link_for_this_name(pool: Authenticating) -> None:
    person, account = pool.registered("alice")
    other, other_account = pool.registered("bob")
    new = replacement(member(person, account), pool.opened.now)
    assert isinstance(refusal(pool, pool.recovery(person, new)), InviteUnknown)
    foreign = LimitedSession(other_account, other.user_id, "bob")
    assert isinstance(refusal(pool, pool.recovery(person, new, limited=foreign)), InviteUnknown)
    assert isinstance(refusal(pool, pool.recovery(person, new, token=pool.token())), InviteUnknown)
    bound = pool.token("reset", name="bob")
    assert isinstance(refusal(pool, pool.recovery(person, new, token=bound)), InviteBound)


def test_a_recovery_brings_its_own_device_signed_for_this_connection(pool: Authenticating, work: Work) -> None:
    person, account = pool.registered("alice")
    new = replacement(member(person, account), pool.opened.now)
    limited = LimitedSession(account, person.user_id, "alice")
    stale = person.device_list  # version 1 once more
    work.done.clear()
    for request, expected in (
        (pool.recovery(person, new, limited=limited, proof=proof_of(person)), DeviceListError),
        (
            pool.recovery(
                person,
                new,
                limited=limited,
                proof=proof_by(person, new.device, Binding(b"t" * 32, b"n" * 32, b"l" * 32)),
            ),
            DeviceSignatureInvalid,
        ),
        (pool.recovery(person, new, limited=limited, device_list=stale), ChatError),
    ):
        assert isinstance(refusal(pool, request), expected)
    assert dict(work.done) == {}


# --- another passphrase, invites ---------------------------------------------------------------------


def test_a_passphrase_changes_only_for_who_knows_the_old_one(pool: Authenticating, work: Work) -> None:
    person, account = pool.registered("alice")
    new_secret = secrets.token_bytes(32)
    work.done.clear()
    wrong = pool.passphrase_change(person, account, secrets.token_bytes(32), new_secret)
    assert isinstance(refusal(pool, wrong), AuthenticationFailed)
    assert dict(work.done) == {"check 10": 1}
    found = pool.find(pool.passphrase_change(person, account, person.login_secret, new_secret))
    assert isinstance(found, ChangePassphrase)
    pool.done(found)
    assert isinstance(pool.find(pool.login(person, secret=new_secret)), WithToken)


def test_an_invite_tells_what_it_is_for(pool: Authenticating) -> None:
    person, _ = pool.registered("alice")
    token = pool.token("reset", name="alice")
    frame = pool.find(CheckInvite(7, InviteQuery(7, invite_token_hash(token))))
    assert isinstance(frame, bytes)
    facts = decode_said(split_frames(frame)[0])
    assert isinstance(facts, InviteFacts)
    assert (facts.id, facts.purpose, facts.name, facts.user_id) == (7, "reset", "alice", person.user_id)
    assert facts.device_list == person.device_list.signed.encode()
    assert isinstance(refusal(pool, CheckInvite(8, InviteQuery(8, secrets.token_bytes(32)))), InviteUnknown)
