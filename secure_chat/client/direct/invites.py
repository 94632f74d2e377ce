"""Own invites: links that make first contact verified, and the proofs of those who joined by them.

PROTOCOL.md 27, the inviter's half. A secret is in the vault before its link is shown, and serves once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from secure_chat import limits
from secure_chat.client.direct.events import ContactVerified, InviteReady, Trust
from secure_chat.client.events import Answered, Event, Failed, Told
from secure_chat.client.requests import Request, Requests
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.ticket import Ticket
from secure_chat.client.vault import login_state
from secure_chat.client.vault.tables import Table
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.directory.device_list import AcceptedDeviceList, DeviceList, SignedDeviceList, check_first_contact
from secure_chat.directory.pins import inviter_pin
from secure_chat.e2ee.device_keys import Randomness, identifier
from secure_chat.errors import (
    ChatError,
    DeviceListError,
    EncodingError,
    InviteProofInvalid,
    NameInvalid,
    NotConnected,
    ServerSaidNonsense,
    SignatureError,
)
from secure_chat.names import check_user_name
from secure_chat.protocol.authentication import Invitation, check_invite_proof, invite_token_hash
from secure_chat.protocol.commands import Command, DeviceListQuery, InviteCreate, InviteOwn, InviteSettle
from secure_chat.protocol.events import DeviceLists, Done, InviteMade, OwnInvites, Said, UsedInvite, Welcome
from secure_chat.protocol.link import InviterPart, Link

_UNFIT: Final = (InviteProofInvalid, DeviceListError, SignatureError, EncodingError)
_PAGES: Final = 16  # asked for in a row without a proof that fits: then this server is not asked any more


# Pins an identity (name, user id, identity key, milliseconds since 1970) as verified. CHANGED: another one is pinned.
VerifyByInvite: TypeAlias = Callable[[Transaction, str, bytes, bytes, int], Trust]


@dataclass(frozen=True, slots=True)
class KeptInvite:
    """An own invite. The row id is the hash of its token in hexadecimal."""

    expires: int  # milliseconds since 1970 UTC
    secret: bytes = field(default=b"", repr=False)  # 16; empty once a proof was judged
    judged: bytes = b""  # the user id whose proof it was


INVITES: Final = Table("own_invite", KeptInvite)


class Invites:
    """One account's own invites, across connections. Owned by the network thread."""

    def __init__(
        self,
        vault: Vault,
        requests: Requests,
        tell: Callable[[Event], None],
        verify: VerifyByInvite,
        random: Randomness,
        now_ms: Callable[[], int],
    ) -> None:
        """`now_ms`: milliseconds since 1970 UTC."""
        self._vault = vault
        self._requests = requests
        self._tell = tell
        self._verify = verify
        self._random = random
        self._now_ms = now_ms
        self._server = ServerIdentity.of_account(login_state.account(vault))
        self._own = login_state.own_device(vault).device_list.device_list
        self._connected = False
        self._asks = False  # which were used is being asked, or those are being judged
        self._asks_again = False
        self._pages = 0

    # --- making one ------------------------------------------------------------------------------

    def invite(self, ticket: Ticket) -> None:
        """Draw a token, have the server keep its hash, keep a secret, tell the link.

        Where the answer is lost with the connection the same is asked on the next one: that makes no second invite.
        """
        token = identifier(self._random, limits.INVITE_TOKEN_BYTES)

        def failed(error: ChatError) -> None:
            self._tell(Failed(ticket, error))

        def made(said: Said) -> None:
            if not isinstance(said, InviteMade):
                raise ServerSaidNonsense
            self._tell(Answered(ticket, self._keep(token, said.expires)))

        if self._connected:
            self._requests.ask(Request(lambda id_: InviteCreate(id_, invite_token_hash(token)), made, failed))
        else:
            failed(NotConnected())

    def _keep(self, token: bytes, expires: int) -> InviteReady:
        own = self._own
        secret = identifier(self._random, limits.INVITE_SECRET_BYTES)
        expires = min(expires, self._now_ms() + limits.MAX_INVITE_HOURS * 3_600_000)
        with self._vault.transaction() as transaction:
            transaction.put(INVITES, invite_token_hash(token).hex(), KeptInvite(expires, secret))
        pin = inviter_pin(own.user_id, own.name, own.identity_key)
        server = self._server.address_link
        part = InviterPart(pin, secret)
        link = Link(server.host, server.port, server.authority, server.log_pin, token, part)
        return InviteReady(link.format(), expires)

    # --- those that were used --------------------------------------------------------------------

    def connected(self, welcome: Welcome) -> None:
        """A new connection, whose welcome says whether there is something to ask."""
        self._connected = True
        self._asks = self._asks_again = False
        self._pages = 0
        if welcome.invites_used:
            self.hint()
        else:
            self._forget_expired()

    def disconnected(self) -> None:
        """What was not settled is told again on the next connection."""
        self._connected = False

    def hint(self) -> None:
        """The server says that an own invite was used."""
        if self._asks:
            self._asks_again = True
            return
        if self._pages >= _PAGES:
            return
        self._pages += 1
        self._asks, self._asks_again = True, False
        self._ask(InviteOwn, self._heard)

    def _heard(self, said: Said) -> None:
        if not isinstance(said, OwnInvites):
            raise ServerSaidNonsense
        used = said.used[: limits.MAX_SETTLED_INVITES]
        if not used:
            self._forget_expired()
            self._finished()
            return
        self._judge_next(list(used), [each.token_hash for each in used])

    def _judge_next(self, left: list[UsedInvite], hashes: list[bytes]) -> None:
        while left:
            used = left.pop(0)
            kept = self._vault.get(INVITES, used.token_hash.hex())
            if kept is not None and kept.judged == used.user_id:
                continue  # the answer to having settled it was lost
            if kept is None or not kept.secret or not self._may_be_somebody(used.name):
                self._refuse(used, "it is not an invite of this device, or was used before")
                continue
            self._ask_list(used, lambda: self._judge_next(left, hashes))
            return
        self._ask(lambda id_: InviteSettle(id_, hashes), self._settled)

    def _may_be_somebody(self, name: str) -> bool:
        """Whether it is a name, and not the own one: who had it would look like oneself."""
        return _is_name(name) and name != self._own.name

    def _ask_list(self, used: UsedInvite, go_on: Callable[[], None]) -> None:
        def heard(said: Said) -> None:
            if not isinstance(said, DeviceLists):
                raise ServerSaidNonsense
            self._judge(used, said.lists)
            go_on()

        def refused(_error: ChatError) -> None:
            self._refuse(used, "the server does not show the keys")
            go_on()

        request = Request(lambda id_: DeviceListQuery(id_, name=used.name), heard, refused, lost=self._forget_question)
        self._requests.ask(request)

    def _judge(self, used: UsedInvite, lists: list[bytes]) -> None:
        try:
            joiner = _joiner(used, lists)
            with self._vault.transaction() as transaction:
                state = self._accept(transaction, used, joiner)
        except _UNFIT:
            self._refuse(used, "the proof of the invite does not fit")
            return
        self._pages = 0
        if state is Trust.VERIFIED:
            self._tell(ContactVerified(used.name, "invite"))
        else:
            self._say(used, "another key is known under this name")

    def _accept(self, transaction: Transaction, used: UsedInvite, joiner: DeviceList) -> Trust:
        """Check the proof, pin the joiner as verified, destroy the secret: all of it or nothing."""
        row = used.token_hash.hex()
        kept = transaction.get(INVITES, row)
        if kept is None or not kept.secret:
            raise InviteProofInvalid
        own = self._own
        invitation = Invitation(
            used.token_hash, own.user_id, own.identity_key, joiner.user_id, joiner.name, joiner.identity_key
        )
        check_invite_proof(used.proof, kept.secret, invitation)
        transaction.put(INVITES, row, KeptInvite(kept.expires, judged=joiner.user_id))
        return self._verify(transaction, joiner.name, joiner.user_id, joiner.identity_key.raw, self._now_ms())

    def _refuse(self, used: UsedInvite, why: str) -> None:
        """Say it, and let the secret serve nobody else."""
        row = used.token_hash.hex()
        with self._vault.transaction() as transaction:
            kept = transaction.get(INVITES, row)
            if kept is not None and kept.secret:
                transaction.put(INVITES, row, KeptInvite(kept.expires, judged=used.user_id))
        self._say(used, why)

    def _say(self, used: UsedInvite, why: str) -> None:
        name = used.name if _is_name(used.name) else "Somebody"
        sentence = f"{name} has joined by your invite, but {why}. {name} is not verified."
        self._tell(Told(InviteProofInvalid(sentence, hint="compare with the person: /verify USER")))

    def _settled(self, said: Said) -> None:
        if not isinstance(said, Done):
            raise ServerSaidNonsense
        self._asks_again = True  # there may be another page
        self._finished()

    def _finished(self) -> None:
        again, self._asks, self._asks_again = self._asks_again, False, False
        if again:
            self.hint()

    def _ask(self, command: Callable[[int], Command], answered: Callable[[Said], None]) -> None:
        self._requests.ask(Request(command, answered, lambda _: self._forget_question(), lost=self._forget_question))

    def _forget_question(self) -> None:
        self._asks = False

    def _forget_expired(self) -> None:
        """Not before it is known that none of them was used: the inviter may have been away for longer."""
        now = self._now_ms()
        with self._vault.transaction() as transaction:
            for row, kept in transaction.scan(INVITES):
                if kept.expires <= now:
                    transaction.delete(INVITES, row)


def _joiner(used: UsedInvite, lists: list[bytes]) -> DeviceList:
    """The list of exactly the name, number and identity that the server has named. Raises what is wrong with it."""
    if not lists:
        raise InviteProofInvalid
    accepted: AcceptedDeviceList = check_first_contact(SignedDeviceList.parse(lists[-1]), used.name)
    joiner = accepted.device_list
    if joiner.user_id != used.user_id or joiner.identity_key.raw != used.identity_key:
        raise InviteProofInvalid
    return joiner


def _is_name(name: str) -> bool:
    try:
        check_user_name(name)
    except NameInvalid:
        return False
    return True
