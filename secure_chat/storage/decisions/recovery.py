"""Recovery and identity reset: one new device in place of all others of the account.

Under the same identity key whoever knows the passphrase may do it (the list is signed by the recovery key's identity);
under another identity key only whoever holds a reset link of an administrator.
"""

import hmac

from secure_chat.directory.device_list import AcceptedDeviceList, SignedDeviceList, check_successor
from secure_chat.directory.leaf import LeafType
from secure_chat.errors import AuthenticationFailed, DeviceElsewhere, DeviceListError, InviteUnknown, TokenUnknown
from secure_chat.storage.decisions import device_keys, tokens
from secure_chat.storage.decisions.invites import RESET, Invite, check_name, check_usable, find_invite, use_invite
from secure_chat.storage.decisions.welcome import raise_counter, welcome
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import RecoverAccount
from secure_chat.storage.outcomes import LoggedIn, SessionsEnded
from secure_chat.storage.queries import people as queries
from secure_chat.storage.state import Account


def recover(entry: RecoverAccount, draft: Draft) -> LoggedIn:
    """The new list counts; or the first answer again, when the very same request comes again."""
    account, invite = _whose(entry, draft)
    password_hash, newest = _login_facts(draft, account)
    candidate = SignedDeviceList.parse(entry.device_list)
    if entry.repeat and hmac.compare_digest(candidate.digest(), newest.digest):
        if not hmac.compare_digest(password_hash, entry.password_hash):
            raise AuthenticationFailed  # it was reset or changed after the check
        return _first_login(entry, draft, account, newest, again=True)
    if invite is not None:
        check_usable(invite, draft.now_ms)
    accepted = _checked(entry, draft, account, newest, candidate, may_change_identity=invite is not None)
    if invite is None and not (password_hash and hmac.compare_digest(password_hash, entry.old_hash)):
        raise AuthenticationFailed  # it was reset or changed after the login
    _put_in_place(entry, draft, account, newest, accepted)
    if invite is not None and entry.token_hash is not None:
        use_invite(draft, invite, entry.token_hash, account.number, b"")
    return _first_login(entry, draft, account, accepted, again=False)


def _whose(entry: RecoverAccount, draft: Draft) -> tuple[Account, Invite | None]:
    if entry.token_hash is None:
        if entry.account is None:
            raise AuthenticationFailed
        account = draft.actor(entry.account)
        if account.name != entry.name:
            raise TokenUnknown
        return account, None
    invite = find_invite(draft, entry.token_hash, RESET)
    check_name(invite, entry.name)
    named = draft.account_named(invite.name)
    if named is None or not named.enabled:
        raise InviteUnknown
    return named, invite


def _login_facts(draft: Draft, account: Account) -> tuple[bytes, AcceptedDeviceList]:
    """The hash of the passphrase's login secret, empty after a reset; the newest device list."""
    facts = draft.one(queries.LOGIN_FACTS, account=account.number)
    if facts is None:
        raise AuthenticationFailed
    return facts[0], AcceptedDeviceList.from_own_store(facts[3])


def _checked(
    entry: RecoverAccount,
    draft: Draft,
    account: Account,
    newest: AcceptedDeviceList,
    candidate: SignedDeviceList,
    *,
    may_change_identity: bool,
) -> AcceptedDeviceList:
    accepted = check_successor(newest, candidate, device_keys.seen_devices(draft, account.number))
    device_list = accepted.device_list
    if [int(device.device_id) for device in device_list.devices] != [entry.device]:
        raise DeviceListError("A recovery's device list holds the recovering device and no other.")
    if device_list.identity_key != newest.device_list.identity_key and not may_change_identity:
        raise DeviceListError(
            "This device list is signed by another identity key.",
            hint="use the recovery key, or ask an administrator for a reset link",
        )
    device_keys.check_times(accepted)
    device_keys.check_keys_unused(draft, accepted, account.number)
    device_keys.check_signed_prekey(draft, accepted, entry.device, entry.signed_prekey)
    return accepted


def _put_in_place(
    entry: RecoverAccount, draft: Draft, account: Account, newest: AcceptedDeviceList, accepted: AcceptedDeviceList
) -> None:
    same_identity = accepted.device_list.identity_key == newest.device_list.identity_key
    row = device_keys.append_list(draft, LeafType.DEVICE_LIST if same_identity else LeafType.IDENTITY, accepted)
    draft.write(queries.SET_NEWEST_LIST, account=account.number, new_row=row)
    draft.write(queries.SET_PASSWORD, account=account.number, new_hash=entry.password_hash)
    draft.write(queries.SET_LAST_LOGIN, account=account.number, now=draft.now_ms)
    removed = device_keys.keep_devices(draft, account.number, accepted)
    device_keys.keep_signed_prekey(draft, account.number, entry.device, entry.signed_prekey)
    tokens.end_all(draft, account.number)
    for device in removed:
        draft.announce(SessionsEnded(account.number, DeviceElsewhere(), device=device))


def _first_login(
    entry: RecoverAccount, draft: Draft, account: Account, accepted: AcceptedDeviceList, *, again: bool
) -> LoggedIn:
    device = draft.one(queries.DEVICE, account=account.number, device_id=entry.device)
    if device is None or not device[1]:
        raise AuthenticationFailed
    highest = device[2]
    raise_counter(draft, account.number, entry.device, before=highest, counter=entry.counter)
    tokens.start_family(draft, account.number, entry.device, entry.resume_token_hash)
    # The same request bears the same counter: it is no sign of a second copy of the device's store.
    counter_before = 0 if again and highest == entry.counter else highest
    version = accepted.device_list.version
    return welcome(draft, account, entry.device, counter_before=counter_before, version=version, token_is_new=True)
