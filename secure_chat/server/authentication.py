"""What a thread of the authentication pool finds out: passphrases, devices' signatures, invites, new accounts."""

import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from secure_chat.directory.device_list import (
    AcceptedDeviceList,
    SignedDeviceList,
    check_registration,
    check_successor,
)
from secure_chat.directory.keys import DeviceId, checked_device_id
from secure_chat.directory.prekeys import PublishedSignedPrekey, check_fresh
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    DeviceElsewhere,
    DeviceListError,
    DeviceUnknown,
    InviteBound,
    InviteUnknown,
    InviteUsed,
    NameTaken,
    RegistrationClosed,
    TokenUnknown,
)
from secure_chat.limits import RESUME_TOKEN_BYTES
from secure_chat.names import check_user_name, skeleton
from secure_chat.protocol.authentication import (
    invite_token_hash,
    login_signature_payload,
    resume_token_hash,
    verify_login_signature,
)
from secure_chat.protocol.codec import encode
from secure_chat.protocol.commands import DeviceProof, InviteQuery, Recover, Register
from secure_chat.protocol.events import InviteFacts, WelcomeLimited
from secure_chat.server.authentication_requests import (
    AnyAuthenticationRequest,
    Binding,
    CheckInvite,
    CheckLogin,
    CheckPassphraseChange,
    CheckRecovery,
    CheckRegistration,
)
from secure_chat.server.items import Limited, WithToken
from secure_chat.server.login_limits import LoginLimits
from secure_chat.server.password_hashes import highest_cost, is_well_formed, make_hash, matches
from secure_chat.server.session import LimitedSession
from secure_chat.storage.entries import AnyEntry, ChangePassphrase, LogIn, RecoverAccount, RegisterAccount
from secure_chat.storage.reader import Credentials, Invite

Finding: TypeAlias = bytes | AnyEntry | WithToken | Limited

LOG: Final = logging.getLogger("secure_chat.accounts")


class Records(Protocol):
    """The accounts and invites as they stand in the database; a `StoreReader`."""

    def credentials(self, name: str) -> Credentials | None:
        """What a login is checked against; None for a name that nobody has."""

    def password_hash_beginnings(self) -> Sequence[bytes]:
        """The first seven bytes of the stored hashes, which say what they cost; each once."""

    def invite(self, token_hash: bytes, now_ms: int) -> Invite:
        """An invite that can be used. Raises `InviteUnknown`, `InviteUsed`, `InviteExpired`."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both clocks, handed in: `now_ms` is milliseconds since 1970 UTC, `monotonic` seconds."""

    now_ms: Callable[[], int]
    monotonic: Callable[[], float]


class Authenticator:
    """The checks of one thread of the pool, over its own connection to the database.

    What it finds is a reply, or an entry in which everything has been checked but what only the journal can know.
    """

    def __init__(self, records: Records, limits: LoginLimits, clocks: Clocks, draw: Callable[[int], bytes]) -> None:
        self._records = records
        self._limits = limits
        self._clocks = clocks
        self._draw = draw
        # A name that nobody has must cost what the dearest one costs, or the time tells that nobody has it.
        self._highest_cost = highest_cost(records.password_hash_beginnings(), 0)

    def find(self, request: AnyAuthenticationRequest, address: str) -> Finding:
        """Do the work. Raises `ChatError` for what is refused."""
        match request:
            case CheckLogin():
                return self._login(request, address)
            case CheckRegistration(command=command):
                return self._logged("registration", command.name, address, lambda: self._registration(request))
            case CheckRecovery(command=command):
                return self._logged("recovery", command.name, address, lambda: self._recovery(request))
            case CheckPassphraseChange():
                return self._passphrase_change(request, address)
            case CheckInvite(command=command):
                return self._invite(command)

    @staticmethod
    def _logged(what: str, name: str, address: str, check: Callable[[], WithToken]) -> WithToken:
        try:
            found = check()
        except ChatError as error:
            LOG.info("%s as %s from %s refused: %s", what, name, address, error.code)
            raise
        LOG.info("%s as %s from %s", what, name, address)
        return found

    # --- login -----------------------------------------------------------------------------------------

    def _login(self, request: CheckLogin, address: str) -> Finding:
        command = request.command
        found = self._check_passphrase(command.name, command.login_secret, address, request.cost)
        if command.device is None:
            session = LimitedSession(found.account, found.user_id, found.name, found.password_hash)
            frame = encode(WelcomeLimited(request.id, found.user_id, found.name, found.device_list))
            return Limited(session, frame)
        device_list = AcceptedDeviceList.from_own_store(found.device_list)
        try:
            _check_device(device_list, command.device, request.binding)
        except DeviceUnknown:
            raise DeviceElsewhere(f"{found.name}'s keys are on another device.") from None
        token = self._draw(RESUME_TOKEN_BYTES)
        entry = LogIn(
            account=found.account,
            device=command.device.device_id,
            counter=command.device.counter,
            password_hash=found.password_hash,
            device_list_hash=found.device_list_hash,
            resume_token_hash=resume_token_hash(token),
        )
        return WithToken(entry, token)

    def _check_passphrase(self, name: str, login_secret: bytes, address: str, cost: int) -> Credentials:
        """The account of this name and secret; one bcrypt in every case. Raises `AuthenticationFailed`."""
        self._limits.check_pause(address, name, self._clocks.monotonic())
        found = self._records.credentials(name)
        if found is not None and found.password_hash and not is_well_formed(found.password_hash):
            LOG.error("the password hash of %s is damaged: reset the account", found.name)
        usable = found if found is not None and found.state == "enabled" else None
        self._highest_cost = highest_cost([usable.password_hash[:7]] if usable else [], self._highest_cost)
        stored = usable.password_hash if usable else None
        if not matches(login_secret, stored, max(cost, self._highest_cost)) or usable is None:
            error = self._limits.failed(address, name, self._clocks.monotonic())
            LOG.info("failed login as %s from %s", name, address)
            raise error
        self._limits.succeeded(address, name)
        return usable

    # --- accounts ----------------------------------------------------------------------------------------

    def _registration(self, request: CheckRegistration) -> WithToken:
        command = request.command
        check_user_name(command.name)
        accepted = check_registration(SignedDeviceList.parse(command.device_list), command.name)
        self._check_keys(accepted, command, request.binding)
        token_hash = invite_token_hash(command.token) if command.token else None
        known = self._records.credentials(command.name)
        repeats = known is not None and hmac.compare_digest(known.registered_list_hash, accepted.digest)
        if token_hash is not None:
            self._check_invite(token_hash, "join", command.name, repeats)
        elif request.registration != "open" and not repeats:
            raise RegistrationClosed
        if known is None:
            password_hash = make_hash(command.login_secret, request.cost)
        elif repeats and matches(command.login_secret, known.password_hash, request.cost):
            password_hash = known.password_hash
        else:
            raise NameTaken(f"The name {command.name} is taken.")
        token = self._draw(RESUME_TOKEN_BYTES)
        entry = RegisterAccount(
            name=command.name,
            skeleton=skeleton(command.name),
            password_hash=password_hash,
            device_list=command.device_list,
            signed_prekey=command.signed_prekey,
            device=command.device.device_id,
            counter=command.device.counter,
            resume_token_hash=resume_token_hash(token),
            token_hash=token_hash,
            proof=command.proof,
            repeat=known is not None,
            registration=request.registration,
        )
        return WithToken(entry, token)

    def _recovery(self, request: CheckRecovery) -> WithToken:
        command, limited = request.command, request.limited
        token_hash = invite_token_hash(command.token) if command.token else None
        found = self._records.credentials(command.name)
        candidate = SignedDeviceList.parse(command.device_list)
        repeats = found is not None and hmac.compare_digest(found.device_list_hash, candidate.digest())
        if token_hash is not None:
            self._check_invite(token_hash, "reset", command.name, repeats)
        elif limited is None or limited.name != command.name:
            raise InviteUnknown("A recovery needs a login before it, or a link from an administrator.")
        if found is None or (limited is not None and found.account != limited.account):
            raise TokenUnknown
        accepted = _check_recovered_list(found, candidate, may_change_identity=token_hash is not None, repeats=repeats)
        self._check_keys(accepted, command, request.binding)
        if not repeats:
            password_hash = make_hash(command.login_secret, request.cost)
        elif matches(command.login_secret, found.password_hash, request.cost):
            password_hash = found.password_hash
        else:
            raise AuthenticationFailed
        token = self._draw(RESUME_TOKEN_BYTES)
        entry = RecoverAccount(
            name=command.name,
            account=None if limited is None else limited.account,
            token_hash=token_hash,
            password_hash=password_hash,
            device_list=command.device_list,
            signed_prekey=command.signed_prekey,
            device=command.device.device_id,
            counter=command.device.counter,
            resume_token_hash=resume_token_hash(token),
            repeat=repeats,
            old_hash=b"" if limited is None else limited.password_hash,
        )
        return WithToken(entry, token)

    def _passphrase_change(self, request: CheckPassphraseChange, address: str) -> ChangePassphrase:
        command, session = request.command, request.session
        found = self._check_passphrase(session.name, command.old_secret, address, request.cost)
        new_hash = make_hash(command.new_secret, request.cost)
        return ChangePassphrase(session.account, session.device, found.password_hash, new_hash)

    # --- invites and keys --------------------------------------------------------------------------------

    def _invite(self, command: InviteQuery) -> bytes:
        found = self._records.invite(command.token_hash, self._clocks.now_ms())
        return encode(
            InviteFacts(
                command.id, found.purpose, found.expires, found.name, found.user_id, found.device_list, found.inviter
            )
        )

    def _check_invite(self, token_hash: bytes, purpose: str, name: str, repeats: bool) -> None:
        """Before any bcrypt: who has no invite makes no work. The journal decides again."""
        try:
            found = self._records.invite(token_hash, self._clocks.now_ms())
        except InviteUsed:
            if repeats:
                return  # the answer to the first request may have been lost
            raise
        if found.purpose != purpose:
            raise InviteUnknown
        if found.name and found.name != name:
            raise InviteBound(f"This invite is for the name {found.name}.")

    def _check_keys(self, accepted: AcceptedDeviceList, command: Register | Recover, binding: Binding) -> None:
        """The device that asks is in its list, has signed this connection and its prekey, which is fresh."""
        try:
            _check_device(accepted, command.device, binding)
        except DeviceUnknown:
            raise DeviceListError("This device is not in the device list that it sent.") from None
        device = accepted.device(DeviceId(command.device.device_id))
        published = PublishedSignedPrekey.parse(command.signed_prekey)
        published.check_signature(device.signing_key, accepted.device_list.user_id, device.device_id)
        check_fresh(published.prekey, self._clocks.now_ms())


def _check_device(device_list: AcceptedDeviceList, proof: DeviceProof, binding: Binding) -> None:
    """Raises `DeviceUnknown`, `DeviceSignatureInvalid`."""
    device = device_list.device(checked_device_id(proof.device_id))
    payload = login_signature_payload(
        binding.server_id, device_list.device_list.user_id, device.device_id, binding.nonce, binding.leaf_hash
    )
    verify_login_signature(device.signing_key, proof.signature, payload)


def _check_recovered_list(
    found: Credentials, candidate: SignedDeviceList, *, may_change_identity: bool, repeats: bool
) -> AcceptedDeviceList:
    """The list that takes the place of the newest one: its successor, one device, the same identity without a reset."""
    newest = AcceptedDeviceList.from_own_store(found.device_list)
    if repeats:
        return newest
    accepted = check_successor(newest, candidate)
    if len(accepted.device_list.devices) != 1:
        raise DeviceListError("A recovered account begins with the recovering device alone.")
    if not may_change_identity and accepted.device_list.identity_key != newest.device_list.identity_key:
        raise DeviceListError("Only an administrator's reset changes the identity of an account.")
    return accepted
