"""Who invited, as the link and the server tell it: compared before anything is sent, proved to, pinned as verified.

PROTOCOL.md 27, the joiner's half.
"""

import hmac
from dataclasses import dataclass, field

from secure_chat.directory.device_list import DeviceList
from secure_chat.directory.keys import USER_ID_BYTES, IdentityPublicKey, UserId
from secure_chat.directory.pins import inviter_pin
from secure_chat.errors import EncodingError, InviteProofInvalid, NameInvalid
from secure_chat.names import check_user_name
from secure_chat.protocol.authentication import Invitation, invite_proof, invite_token_hash
from secure_chat.protocol.events import InviteFacts, Inviter
from secure_chat.protocol.link import Link


@dataclass(frozen=True, slots=True)
class KnownInviter:
    """The inviter whom the link names: the server has shown the same one."""

    user_id: UserId
    name: str  # in its mapped form
    identity_key: IdentityPublicKey
    token_hash: bytes  # 32
    secret: bytes = field(repr=False)  # 16

    def proof(self, joiner: DeviceList) -> bytes:
        """The joiner's word that the secret was in his hands, 32 bytes."""
        return invite_proof(
            self.secret,
            Invitation(
                self.token_hash, self.user_id, self.identity_key, joiner.user_id, joiner.name, joiner.identity_key
            ),
        )


def recognise_inviter(link: Link, facts: InviteFacts) -> KnownInviter | None:
    """Compare the inviter that the server shows with the link's; None for a link that names none.

    Raises `InviteProofInvalid` for another one, for none, and for an invite that is no person's.
    """
    if link.inviter is None:
        return None
    if facts.inviter is None or facts.purpose != "join":
        raise InviteProofInvalid("The server names no inviter, and this link does. Nothing was sent.")
    found = _inviter(facts.inviter)
    if found is not None:
        user_id, identity_key = found
        pin = inviter_pin(user_id, facts.inviter.name, identity_key)
        if hmac.compare_digest(pin, link.inviter.pin):
            token_hash = invite_token_hash(link.token)
            return KnownInviter(user_id, facts.inviter.name, identity_key, token_hash, link.inviter.secret)
    raise InviteProofInvalid("The server names another inviter than this link does. Nothing was sent.")


def _inviter(shown: Inviter) -> tuple[UserId, IdentityPublicKey] | None:
    try:
        check_user_name(shown.name)
        identity_key = IdentityPublicKey(shown.identity_key)
    except (NameInvalid, EncodingError):
        return None
    if len(shown.user_id) != USER_ID_BYTES or not any(shown.user_id):
        return None
    return UserId(shown.user_id), identity_key
