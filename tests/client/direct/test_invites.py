"""An own invite verifies exactly the person whose proof fits, once; whatever the server says instead is refused."""

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from secure_chat.client.direct.events import ContactVerified, InviteReady, Trust
from secure_chat.client.direct.invites import INVITES, Invites
from secure_chat.client.events import Answered, Event, Failed, Told
from secure_chat.client.ticket import Ticket
from secure_chat.client.vault.transaction import Transaction
from secure_chat.directory.pins import inviter_pin
from secure_chat.errors import ServerSaidNonsense
from secure_chat.limits import MAX_INVITE_HOURS
from secure_chat.protocol.authentication import Invitation, invite_proof, invite_token_hash
from secure_chat.protocol.commands import AnyCommand, DeviceListQuery, InviteCreate, InviteOwn, InviteSettle
from secure_chat.protocol.events import DeviceLists, Done, Failure, InviteMade, OwnInvites, Said, UsedInvite, Welcome
from secure_chat.protocol.link import Link, parse_link
from tests.client.direct.device import DAY, HOUR, Device
from tests.client.direct.wire import Wire
from tests.client.vault.vaults import every_byte_on_disk
from tests.support.people import TestPerson, make_person


@dataclass
class Office:
    """A server's part in invites: who has used which, and whose device lists it shows."""

    own: Device
    used: list[UsedInvite] = field(default_factory=list)
    lists: dict[str, list[bytes]] = field(default_factory=dict)
    token_hashes: list[bytes] = field(default_factory=list)
    settled: list[bytes] = field(default_factory=list)
    refuses: str = ""
    forgets_to_settle: bool = False
    expires: int = 0

    def __call__(self, command: AnyCommand) -> Iterable[Said]:
        match command:
            case InviteCreate():
                if self.refuses:
                    return [Failure(command.id, self.refuses, "No.")]
                self.token_hashes.append(command.token_hash)
                return [InviteMade(command.id, self.expires or self.own.clock.now + 72 * HOUR)]
            case InviteOwn():
                return [OwnInvites(command.id, self.used[:2])]
            case InviteSettle():
                self.settled += command.token_hashes
                if not self.forgets_to_settle:
                    self.used = [each for each in self.used if each.token_hash not in command.token_hashes]
                return [Done(command.id)]
            case DeviceListQuery():
                if command.name not in self.lists:
                    return [Failure(command.id, "user.unknown", "Nobody.")]
                return [DeviceLists(command.id, b"i" * 16, command.name, "enabled", self.lists[command.name], False)]
            case _:
                raise AssertionError(command)

    def shows(self, *people: TestPerson) -> None:
        """Show their device lists."""
        self.lists.update((person.name, [person.device_list.signed.encode()]) for person in people)


class Inviter:
    """The client of somebody who invites."""

    def __init__(self, own: Device) -> None:
        self.own = own
        self.office = Office(own)
        self.wire = Wire(self.office)
        self.told: list[Event] = []
        self.pinned: dict[str, tuple[bytes, bytes]] = {}  # as contacts have it
        self.verified: set[str] = set()
        self.invites = self.start()
        self._tickets = itertools.count(1)

    def start(self) -> Invites:
        return Invites(self.own.vault, self.wire.requests, self.told.append, self.verify, os.urandom, self.own.clock)

    def restart(self) -> None:
        """Another start of the program."""
        self.own.restart()
        self.wire = Wire(self.office)
        self.invites = self.start()

    def verify(self, transaction: Transaction, name: str, user_id: bytes, identity_key: bytes, now_ms: int) -> Trust:
        """As contacts do it."""
        assert transaction.scan(INVITES), "inside of the transaction"
        assert now_ms == self.own.clock.now
        if self.pinned.setdefault(name, (user_id, identity_key)) != (user_id, identity_key):
            return Trust.CHANGED
        self.verified.add(name)
        return Trust.VERIFIED

    def connect(self) -> None:
        """Log in, and exchange all there is."""
        welcome = Welcome(1, self.own.new.account.user_id, "alice", "member", 0, 1, 0, [])
        self.invites.connected(replace_used(welcome, bool(self.office.used)))
        self.wire.exchange()

    def disconnect(self) -> None:
        """Lose the connection."""
        self.wire.requests.disconnected()
        self.invites.disconnected()

    def invite(self) -> Link:
        """Make an invite."""
        ticket = Ticket(next(self._tickets))
        self.invites.invite(ticket)
        self.wire.exchange()
        outcome = self.told.pop()
        assert isinstance(outcome, Answered)
        assert outcome.ticket == ticket
        assert isinstance(outcome.answer, InviteReady)
        return parse_link(outcome.answer.link)

    def hint(self) -> None:
        """The server says that one was used."""
        self.invites.hint()
        self.wire.exchange()

    def secrets(self) -> list[bytes]:
        """The secrets in the vault."""
        return [kept.secret for _, kept in self.own.vault.scan(INVITES) if kept.secret]

    def refusals(self) -> list[str]:
        """What the person was told of proofs that do not fit."""
        errors = [event.error for event in self.told if isinstance(event, Told)]
        assert {error.code for error in errors} <= {"invite.proof"}
        return [error.sentence for error in errors]


def replace_used(welcome: Welcome, used: bool) -> Welcome:
    return Welcome(
        welcome.id,
        welcome.user_id,
        welcome.name,
        welcome.role,
        0,
        1,
        0,
        [],
        invites_used=used,
        signed_prekey_id=b"s" * 8,
    )


def use(inviter: Inviter, link: Link, joiner: TestPerson, *, secret: bytes | None = None) -> UsedInvite:
    """What the server tells once `joiner` has registered by the link."""
    assert link.inviter is not None
    own = inviter.own.new.device.device_list.device_list
    token_hash = invite_token_hash(link.token)
    invitation = Invitation(
        token_hash, own.user_id, own.identity_key, joiner.user_id, joiner.name, joiner.identity.public_key
    )
    proof = invite_proof(link.inviter.secret if secret is None else secret, invitation)
    key = joiner.identity.public_key.raw
    return UsedInvite(token_hash, joiner.user_id, joiner.name, key, proof, inviter.own.clock.now)


@pytest.fixture
def inviter(own: Device) -> Inviter:
    made = Inviter(own)
    made.connect()
    return made


# --- making one ----------------------------------------------------------------------------------


def test_a_link_names_the_inviter_and_its_secret_is_in_the_vault(inviter: Inviter) -> None:
    link = inviter.invite()
    account, own = inviter.own.new.account, inviter.own.new.device.device_list.device_list
    assert (link.host, link.port, link.authority) == (account.host, account.port, account.authority)
    assert invite_token_hash(link.token) == inviter.office.token_hashes[0]
    assert link.inviter is not None
    assert link.inviter.pin == inviter_pin(own.user_id, own.name, own.identity_key)
    assert inviter.secrets() == [link.inviter.secret]
    inviter.own.restart()
    assert inviter.secrets() == [link.inviter.secret]


def test_each_link_has_a_token_and_a_secret_of_its_own_and_the_file_shows_none(inviter: Inviter) -> None:
    links = [inviter.invite() for _ in range(3)]
    secrets = {link.inviter.secret for link in links if link.inviter is not None} | {link.token for link in links}
    assert len(secrets) == 6
    on_disk = every_byte_on_disk(inviter.own.directory)
    assert not [secret for secret in secrets if secret in on_disk]
    shown = repr(inviter.own.vault.scan(INVITES)) + repr(links) + repr(inviter.told)
    assert not [secret for secret in secrets if secret.hex() in shown or repr(secret)[2:-1] in shown]


def test_without_a_connection_there_is_no_link(inviter: Inviter) -> None:
    inviter.disconnect()
    inviter.invites.invite(Ticket(8))
    [failed] = inviter.told
    assert isinstance(failed, Failed)
    assert (failed.ticket, failed.error.code) == (8, "net.offline")
    assert inviter.secrets() == []


def test_when_the_answer_is_lost_the_same_is_asked_again_and_the_link_comes_once(inviter: Inviter) -> None:
    inviter.invites.invite(Ticket(7))
    for _ in range(2):
        for command in inviter.wire.send():
            inviter.office(command)  # whose answer is lost
        inviter.disconnect()
    assert inviter.told == []
    assert inviter.secrets() == []

    inviter.connect()

    [answered] = inviter.told
    assert isinstance(answered, Answered)
    assert answered.ticket == 7
    assert isinstance(answered.answer, InviteReady)
    link = parse_link(answered.answer.link)
    assert set(inviter.office.token_hashes) == {invite_token_hash(link.token)}
    assert len(inviter.office.token_hashes) >= 2


def test_a_refusal_is_told_to_who_asked(inviter: Inviter) -> None:
    inviter.office.refuses = "invite.limit"
    inviter.invites.invite(Ticket(9))
    inviter.wire.exchange()
    [failed] = inviter.told
    assert isinstance(failed, Failed)
    assert failed.error.code == "invite.limit"


def test_a_secret_is_not_kept_for_ever_whatever_the_server_says(inviter: Inviter) -> None:
    inviter.office.expires = 2**62
    inviter.invite()
    [kept] = [kept for _, kept in inviter.own.vault.scan(INVITES)]
    assert kept.expires == inviter.own.clock.now + MAX_INVITE_HOURS * HOUR


# --- used ones -----------------------------------------------------------------------------------


def test_a_proof_that_fits_verifies_the_joiner_and_destroys_the_secret(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    inviter.office.used.append(use(inviter, link, bob))
    inviter.office.shows(bob)
    inviter.hint()
    assert inviter.told == [ContactVerified("bob", "invite")]
    assert inviter.pinned == {"bob": (bob.user_id, bob.identity.public_key.raw)}
    assert inviter.verified == {"bob"}
    assert inviter.secrets() == []
    assert inviter.office.settled == [invite_token_hash(link.token)]


def test_several_that_were_used_while_away_are_all_judged(inviter: Inviter) -> None:
    links = [inviter.invite() for _ in range(5)]
    people = [make_person(name) for name in ("bob", "carol", "dave", "erin", "frank")]
    inviter.disconnect()
    inviter.office.used = [use(inviter, *each) for each in zip(links, people, strict=True)]
    inviter.office.shows(*people)
    inviter.own.clock.now += 10 * DAY
    inviter.restart()
    inviter.connect()
    assert inviter.verified == {"bob", "carol", "dave", "erin", "frank"}, "they joined before the invites expired"
    assert inviter.office.used == []


@pytest.mark.negative(43)
@pytest.mark.parametrize("lie", ["secret", "joiner", "token", "inviter", "no proof", "other list", "no list", "name"])
def test_a_proof_that_does_not_fit_is_told_and_verifies_nobody(inviter: Inviter, lie: str) -> None:
    link, other, bob, eve = inviter.invite(), inviter.invite(), make_person("bob"), make_person("eve")
    honest = use(inviter, link, bob)
    inviter.office.shows(bob, eve)
    match lie:
        case "secret":
            used = use(inviter, link, bob, secret=os.urandom(16))
        case "joiner":  # another account under the proof of the guest
            key = eve.identity.public_key.raw
            used = UsedInvite(honest.token_hash, eve.user_id, eve.name, key, honest.proof, 0)
        case "token":  # the proof for another invite
            used = use(inviter, other, bob)
            used = UsedInvite(honest.token_hash, bob.user_id, "bob", honest.identity_key, used.proof, 0)
        case "inviter":
            assert link.inviter is not None
            invitation = Invitation(
                honest.token_hash, eve.user_id, eve.identity.public_key, bob.user_id, "bob", bob.identity.public_key
            )
            proof = invite_proof(link.inviter.secret, invitation)
            used = UsedInvite(honest.token_hash, bob.user_id, "bob", honest.identity_key, proof, 0)
        case "no proof":
            used = UsedInvite(honest.token_hash, bob.user_id, "bob", honest.identity_key, b"", 0)
        case "other list":  # the server shows another identity than the one that joined
            second = make_person("bob")
            inviter.office.shows(second)
            used = honest
        case "no list":
            inviter.office.lists["bob"] = []
            used = honest
        case _:
            inviter.office.lists.clear()
            used = honest
    inviter.office.used.append(used)
    inviter.hint()
    [refusal] = inviter.refusals()
    assert "is not verified" in refusal
    assert used.name in refusal
    assert inviter.pinned == {}
    assert inviter.office.used == [], "it is not told again"
    assert len(inviter.secrets()) == 1, "that of the other invite: this one serves nobody any more"
    inviter.office.shows(bob)
    inviter.office.used.append(honest)
    inviter.hint()
    assert inviter.pinned == {}


@pytest.mark.negative(43)
def test_a_second_joiner_by_the_same_invite_is_refused_and_a_repeat_of_the_first_is_silent(inviter: Inviter) -> None:
    link, bob, eve = inviter.invite(), make_person("bob"), make_person("eve")
    inviter.office.shows(bob, eve)
    inviter.office.used.append(use(inviter, link, bob))
    inviter.hint()
    inviter.office.used.append(use(inviter, link, bob))
    inviter.hint()
    assert inviter.refusals() == []
    assert inviter.told.count(ContactVerified("bob", "invite")) == 1
    inviter.office.used.append(use(inviter, link, eve))
    inviter.hint()
    assert len(inviter.refusals()) == 1
    assert inviter.verified == {"bob"}


def test_a_name_that_is_pinned_with_another_key_is_not_verified(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    inviter.pinned["bob"] = (bob.user_id, os.urandom(32))
    inviter.office.used.append(use(inviter, link, bob))
    inviter.office.shows(bob)
    inviter.hint()
    assert inviter.verified == set()
    [refusal] = inviter.refusals()
    assert "another key" in refusal
    assert inviter.secrets() == []


def test_an_invite_of_no_secret_here_is_told_without_asking_whose_keys(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    with inviter.own.vault.transaction() as transaction:
        transaction.delete(INVITES, invite_token_hash(link.token).hex())
    inviter.office.used.append(use(inviter, link, bob))
    inviter.hint()
    [refusal] = inviter.refusals()
    assert "not an invite of this device" in refusal
    assert not [command for command in inviter.wire.asked if isinstance(command, DeviceListQuery)]


def test_a_name_that_nobody_can_have_is_not_repeated(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    used = use(inviter, link, bob)
    inviter.office.used.append(
        UsedInvite(used.token_hash, used.user_id, "b\x1b[2Job", used.identity_key, used.proof, used.time)
    )
    inviter.hint()
    [refusal] = inviter.refusals()
    assert refusal.startswith("Somebody has joined")


def test_what_was_cut_off_goes_on_at_the_next_connection_and_verifies_once(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    inviter.office.used.append(use(inviter, link, bob))
    inviter.office.shows(bob)
    inviter.invites.hint()
    for step in range(4):
        for command in inviter.wire.send():
            if step < 3:
                for said in inviter.office(command):
                    inviter.wire.requests.reply(said, 0.0)
        inviter.disconnect()
        inviter.invites.connected(replace_used(welcome_of(inviter), bool(inviter.office.used)))
    inviter.wire.exchange()
    assert inviter.told == [ContactVerified("bob", "invite")]
    assert inviter.office.used == []


def welcome_of(inviter: Inviter) -> Welcome:
    return Welcome(1, inviter.own.new.account.user_id, "alice", "member", 0, 1, 0, [])


def test_a_secret_expires_once_it_is_known_that_it_was_not_used(inviter: Inviter) -> None:
    inviter.invite()
    inviter.disconnect()
    inviter.own.clock.now += 72 * HOUR
    assert len(inviter.secrets()) == 1
    inviter.connect()
    assert inviter.secrets() == []
    assert inviter.own.vault.scan(INVITES) == []


def test_a_server_that_tells_of_used_invites_without_end_is_not_asked_without_end(inviter: Inviter) -> None:
    inviter.office.forgets_to_settle = True
    inviter.office.used.append(use(inviter, inviter.invite(), make_person("bob")))
    inviter.hint()
    inviter.hint()
    asked = [command for command in inviter.wire.asked if isinstance(command, InviteOwn)]
    assert len(asked) <= 32


def test_hints_while_it_is_being_asked_lead_to_one_more_question(inviter: Inviter) -> None:
    inviter.invites.hint()
    for _ in range(5):
        inviter.invites.hint()
    inviter.wire.exchange()
    assert len([command for command in inviter.wire.asked if isinstance(command, InviteOwn)]) == 2


Ask = Callable[[Inviter], None]


def _create(inviter: Inviter) -> None:
    inviter.invites.invite(Ticket(1))


def _hint(inviter: Inviter) -> None:
    inviter.invites.hint()


@pytest.mark.parametrize("ask", [_create, _hint])
def test_an_answer_of_another_kind_is_nonsense(inviter: Inviter, ask: Ask) -> None:
    ask(inviter)
    [command] = inviter.wire.send()
    with pytest.raises(ServerSaidNonsense):
        inviter.wire.requests.reply(Done(command.id), 0.0)


def test_nonsense_in_place_of_a_device_list_or_of_done_is_nonsense(inviter: Inviter) -> None:
    link, bob = inviter.invite(), make_person("bob")
    used = [use(inviter, link, bob)]
    inviter.office.shows(bob)
    for wrong_at in (2, 3):
        inviter.disconnect()
        inviter.connect()
        inviter.office.used = used
        inviter.invites.hint()
        for step in range(1, wrong_at + 1):
            [command] = inviter.wire.send()
            if step < wrong_at:
                [said] = inviter.office(command)
                inviter.wire.requests.reply(said, 0.0)
            else:
                with pytest.raises(ServerSaidNonsense):
                    inviter.wire.requests.reply(InviteMade(command.id, 0), 0.0)
