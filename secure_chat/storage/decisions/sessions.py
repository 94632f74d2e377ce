"""Sessions: login, resume, confirmation of a token, logout, change of passphrase."""

import hmac

import msgspec

from secure_chat.directory.keys import DeviceSigningKey, UserId, checked_device_id
from secure_chat.errors import AuthenticationFailed, TokenReused, TokenUnknown
from secure_chat.protocol.authentication import login_signature_payload, verify_login_signature
from secure_chat.storage.decisions import tokens
from secure_chat.storage.decisions.welcome import raise_counter, welcome
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import (
    ChangePassphrase,
    ConfirmToken,
    EndSession,
    LogIn,
    ResumeSession,
    TouchSession,
)
from secure_chat.storage.outcomes import LoggedIn, Refused, SessionsEnded, Settled
from secure_chat.storage.queries import people as queries


class _Device(msgspec.Struct, frozen=True, gc=False):
    signing_key: bytes
    listed: int
    counter: int


def log_in(entry: LogIn, draft: Draft) -> LoggedIn:
    """In, if what the login was checked against still holds: the passphrase, the device list, the account."""
    account = draft.account(entry.account)
    facts = draft.one(queries.LOGIN_FACTS, account=entry.account)
    device = _device(draft, entry.account, entry.device)
    if account is None or facts is None or device is None or not account.enabled or not device.listed:
        raise AuthenticationFailed
    password_hash, digest, version, _ = facts
    same_passphrase = hmac.compare_digest(password_hash, entry.password_hash)
    if not same_passphrase or not hmac.compare_digest(digest, entry.device_list_hash):
        raise AuthenticationFailed
    raise_counter(draft, entry.account, entry.device, before=device.counter, counter=entry.counter)
    draft.write(queries.SET_LAST_LOGIN, account=entry.account, now=draft.now_ms)
    tokens.start_family(draft, entry.account, entry.device, entry.resume_token_hash)
    return welcome(draft, account, entry.device, counter_before=device.counter, version=version, token_is_new=True)


def resume(entry: ResumeSession, draft: Draft) -> LoggedIn | Refused:
    """In by a token, if its device has signed this connection. A spent token ends all tokens of its device."""
    if tokens.revoke_if_spent(draft, entry.token_hash):
        return Refused(TokenReused())
    family = tokens.family_of(draft, entry.token_hash)
    account = draft.account(family.account)
    facts = draft.one(queries.LOGIN_FACTS, account=family.account)
    device = _device(draft, family.account, family.device)
    if account is None or facts is None or device is None or not account.enabled or not device.listed:
        raise TokenUnknown
    if family.device != entry.device:
        raise TokenUnknown
    payload = login_signature_payload(
        entry.server_id, UserId(account.user_id), checked_device_id(entry.device), entry.nonce, entry.leaf_hash
    )
    verify_login_signature(DeviceSigningKey(device.signing_key), entry.signature, payload)
    raise_counter(draft, family.account, family.device, before=device.counter, counter=entry.counter)
    draft.write(queries.SET_LAST_LOGIN, account=family.account, now=draft.now_ms)
    token_is_new = tokens.use(draft, family, entry.token_hash, entry.successor_hash)
    return welcome(
        draft, account, entry.device, counter_before=device.counter, version=facts[2], token_is_new=token_is_new
    )


def confirm_token(entry: ConfirmToken, draft: Draft) -> Settled:
    """The pending token takes the current one's place; a repeat changes nothing."""
    draft.actor(entry.account)
    family = tokens.family_of(draft, entry.token_hash)
    if (family.account, family.device) != (entry.account, entry.device):
        raise TokenUnknown
    if tokens.is_pending(family, entry.token_hash):
        tokens.confirm(draft, family)
    return Settled()


def end_session(entry: EndSession, draft: Draft) -> Settled:
    """Logout."""
    tokens.end_device(draft, entry.account, entry.device)
    return Settled()


def touch_session(entry: TouchSession, draft: Draft) -> Settled:
    """The device was connected until now."""
    tokens.touch(draft, entry.account, entry.device)
    return Settled()


def change_passphrase(entry: ChangePassphrase, draft: Draft) -> Settled:
    """The new login secret counts from now on; whoever came in by the old one elsewhere is out."""
    draft.actor(entry.account)
    facts = draft.one(queries.LOGIN_FACTS, account=entry.account)
    if facts is None or not hmac.compare_digest(facts[0], entry.old_hash):
        raise AuthenticationFailed
    draft.write(queries.SET_PASSWORD, account=entry.account, new_hash=entry.new_hash)
    tokens.end_others(draft, entry.account, entry.device)
    draft.announce(SessionsEnded(entry.account, TokenUnknown(), except_device=entry.device))
    return Settled()


def _device(draft: Draft, account: int, device_id: int) -> _Device | None:
    row = draft.one(queries.DEVICE, account=account, device_id=device_id)
    return _Device(*row) if row else None
