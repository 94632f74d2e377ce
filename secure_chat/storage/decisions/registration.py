"""Registration: redeem the invite, make the account, take its keys, name and rooms, all in one transaction."""

import hmac

from secure_chat.directory.device_list import AcceptedDeviceList, SignedDeviceList, check_registration
from secure_chat.directory.leaf import LeafType
from secure_chat.errors import AuthenticationFailed, DeviceListError, NameTaken, RegistrationClosed
from secure_chat.protocol.states import Role
from secure_chat.storage.decisions import device_keys, memberships, tokens
from secure_chat.storage.decisions.invites import JOIN, Invite, check_name, check_usable, find_invite, use_invite
from secure_chat.storage.decisions.welcome import raise_counter, welcome
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import RegisterAccount
from secure_chat.storage.outcomes import LoggedIn
from secure_chat.storage.queries import people as queries
from secure_chat.storage.state import LOBBY, Account

CLOSED = "closed"
OPEN = "open"


def register(entry: RegisterAccount, draft: Draft) -> LoggedIn:
    """A new account; or the first answer again, when the very same request comes again."""
    accepted = check_registration(SignedDeviceList.parse(entry.device_list), entry.name)
    again = _registered_before(entry, draft, accepted)
    if again is not None:
        return again
    invite = _redeemable_invite(entry, draft)
    _check_free(entry, draft, accepted)
    device_keys.check_signed_prekey(draft, accepted, entry.device, entry.signed_prekey)
    account = _add_account(entry, draft, accepted, invite)
    for name in (LOBBY, *(invite.rooms.split() if invite else ())):
        room = draft.room_or_none(name)
        if room is not None and room.member_since(account.number) is None:
            memberships.begin(draft, room, account)
    return _first_login(entry, draft, account, counter_before=0)


def _registered_before(entry: RegisterAccount, draft: Draft, accepted: AcceptedDeviceList) -> LoggedIn | None:
    account = draft.account_named(entry.name)
    if account is None or not entry.repeat:
        return None
    facts = draft.one(queries.LOGIN_FACTS, account=account.number)
    device = draft.one(queries.DEVICE, account=account.number, device_id=entry.device)
    if facts is None or device is None or not hmac.compare_digest(facts[1], accepted.digest):
        return None
    if not account.enabled or not hmac.compare_digest(facts[0], entry.password_hash):
        raise AuthenticationFailed  # disabled, reset or changed after the check
    # The same request bears the same counter: it is no sign of a second copy of the device's store.
    highest = device[2]
    return _first_login(entry, draft, account, counter_before=0 if highest == entry.counter else highest)


def _redeemable_invite(entry: RegisterAccount, draft: Draft) -> Invite | None:
    if entry.token_hash is None:
        if entry.registration != OPEN:
            raise RegistrationClosed
        return None
    invite = find_invite(draft, entry.token_hash, JOIN)
    check_usable(invite, draft.now_ms)
    check_name(invite, entry.name)
    if entry.registration == CLOSED and not invite.made_for_one:
        raise RegistrationClosed
    return invite


def _check_free(entry: RegisterAccount, draft: Draft, accepted: AcceptedDeviceList) -> None:
    if draft.one(queries.ACCOUNT_TAKEN, name=entry.name, skeleton=entry.skeleton) is not None:
        raise NameTaken(f"The name {entry.name} is taken, or looks like one that is.")
    if draft.one(queries.USER_ID_TAKEN, user_id=accepted.device_list.user_id) is not None:
        raise DeviceListError("This device list belongs to another account.")
    device_keys.check_times(accepted)
    device_keys.check_keys_unused(draft, accepted, None)


def _add_account(entry: RegisterAccount, draft: Draft, accepted: AcceptedDeviceList, invite: Invite | None) -> Account:
    role = Role(invite.role) if invite else Role.MEMBER
    row = device_keys.append_list(draft, LeafType.IDENTITY, accepted)
    user_id, now = accepted.device_list.user_id, draft.now_ms
    number = draft.insert(
        queries.ADD_ACCOUNT,
        *(user_id, entry.name, entry.skeleton, entry.password_hash, role.value, "enabled", row, now, now),
    )
    account = Account(number, user_id, entry.name, role, "enabled")
    draft.put_account(account)
    device_keys.keep_devices(draft, number, accepted)
    device_keys.keep_signed_prekey(draft, number, entry.device, entry.signed_prekey)
    if invite is not None and entry.token_hash is not None:
        use_invite(draft, invite, entry.token_hash, number, entry.proof)
    return account


def _first_login(entry: RegisterAccount, draft: Draft, account: Account, *, counter_before: int) -> LoggedIn:
    raise_counter(draft, account.number, entry.device, before=counter_before, counter=entry.counter)
    tokens.start_family(draft, account.number, entry.device, entry.resume_token_hash)
    return welcome(draft, account, entry.device, counter_before=counter_before, version=1, token_is_new=True)
