"""The joiner takes as inviter only whom the link's pin names, and proves to nobody else."""

import os
from dataclasses import dataclass, field

import pytest

from secure_chat.client.direct.inviter import recognise_inviter
from secure_chat.directory.pins import inviter_pin
from secure_chat.errors import InviteProofInvalid
from secure_chat.protocol.authentication import Invitation, check_invite_proof, invite_token_hash
from secure_chat.protocol.events import InviteFacts, Inviter
from secure_chat.protocol.link import InviterPart, Link
from tests.client.vault.vaults import server_facts
from tests.support.people import TestPerson, make_person


@dataclass
class Invited:
    """A link of somebody, and what a server may say of it."""

    inviter: TestPerson = field(default_factory=lambda: make_person("berta"))
    token: bytes = field(default_factory=lambda: os.urandom(16))
    secret: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def shown(self) -> Inviter:
        """The inviter as an honest server shows her."""
        return Inviter(self.inviter.user_id, self.inviter.name, self.inviter.identity.public_key.raw)

    @property
    def link(self) -> Link:
        """The link."""
        pin = inviter_pin(self.inviter.user_id, self.inviter.name, self.inviter.identity.public_key)
        part = InviterPart(pin, self.secret)
        return Link("team.example.org", 7443, server_facts().authority, bytes(16), self.token, part)


def facts(inviter: Inviter | None, purpose: str = "join") -> InviteFacts:
    return InviteFacts(1, purpose, 2**42, inviter=inviter)


def test_the_inviter_of_the_link_is_recognised_and_gets_a_proof_for_this_joiner_alone() -> None:
    invited, joiner, other = Invited(), make_person("moni"), make_person("moni")
    known = recognise_inviter(invited.link, facts(invited.shown))
    assert known is not None
    assert (known.user_id, known.name) == (invited.inviter.user_id, "berta")
    proof = known.proof(joiner.device_list.device_list)
    key = invited.inviter.identity.public_key
    for person, fits in ((joiner, True), (other, False)):
        own = person.device_list.device_list
        invitation = Invitation(
            invite_token_hash(invited.token), invited.inviter.user_id, key, own.user_id, own.name, own.identity_key
        )
        if fits:
            check_invite_proof(proof, invited.secret, invitation)
        else:
            with pytest.raises(InviteProofInvalid):
                check_invite_proof(proof, invited.secret, invitation)
    assert invited.secret.hex() not in repr(known)
    assert repr(invited.secret)[2:-1] not in repr(known)


def test_a_link_of_the_servers_tools_names_nobody_whatever_the_server_says() -> None:
    invited = Invited()
    plain = Link("team.example.org", 7443, invited.link.authority, bytes(16), invited.token)
    assert recognise_inviter(plain, facts(invited.shown)) is None
    assert recognise_inviter(plain, facts(None)) is None


@pytest.mark.negative(43)
@pytest.mark.parametrize(
    "lie", ["nobody", "reset", "user id", "zero id", "short id", "name", "no name", "key", "short key", "other person"]
)
def test_another_inviter_or_none_is_refused(lie: str) -> None:
    invited = Invited()
    honest, eve = invited.shown, make_person("eve")
    said = {
        "nobody": facts(None),
        "reset": facts(honest, "reset"),
        "user id": facts(Inviter(eve.user_id, honest.name, honest.identity_key)),
        "zero id": facts(Inviter(bytes(16), honest.name, honest.identity_key)),
        "short id": facts(Inviter(honest.user_id[:8], honest.name, honest.identity_key)),
        "name": facts(Inviter(honest.user_id, "bertha", honest.identity_key)),
        "no name": facts(Inviter(honest.user_id, "b\x1b[2J", honest.identity_key)),
        "key": facts(Inviter(honest.user_id, honest.name, eve.identity.public_key.raw)),
        "short key": facts(Inviter(honest.user_id, honest.name, honest.identity_key[:31])),
        "other person": facts(Inviter(eve.user_id, eve.name, eve.identity.public_key.raw)),
    }[lie]
    with pytest.raises(InviteProofInvalid, match="Nothing was sent"):
        recognise_inviter(invited.link, said)
