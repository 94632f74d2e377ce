"""Getting in with a vault: by resume token where there is one, else by passphrase; always as this device.

PROTOCOL.md, "Login". The counter is on the disk before each attempt, a token's successor before it is confirmed. No
connection is open while a passphrase is typed or derived from.
"""

import contextlib
import time
from dataclasses import dataclass

from secure_chat.client.channel import Channel, connect
from secure_chat.client.direct.clones import note_copy
from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.vault import login_state
from secure_chat.client.vault.vault import Vault
from secure_chat.client.waiting import Waiter
from secure_chat.directory.keys import UserId
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.errors import (
    AuthenticationFailed,
    Busy,
    ChatError,
    DeviceElsewhere,
    PassphraseChangePending,
    RateLimited,
    ServerSaidNonsense,
    TokenReused,
    TokenUnknown,
)
from secure_chat.limits import MAX_LOGIN_COUNTER
from secure_chat.protocol import commands as c
from secure_chat.protocol.authentication import login_signature_payload, resume_token_hash
from secure_chat.protocol.events import Done, NameFacts, Welcome, WelcomeLimited


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A connection on which this device is logged in."""

    channel: Channel
    welcome: Welcome
    resumed: bool
    told: ChatError | None = None  # what the person must be told besides


def login_kdf_row(server: ServerIdentity, name: str, waiter: Waiter) -> int:
    """Which derivation the server names for `name`, asked on a connection of its own."""
    with connect(server, waiter) as channel:
        return channel.ask(c.NameQuery(channel.request_id(), name), NameFacts).login_kdf


def device_proof(
    channel: Channel, server: ServerIdentity, user_id: UserId, device: DeviceSecrets, counter: int
) -> c.DeviceProof:
    """The device's word for this one connection."""
    payload = login_signature_payload(
        server.server_id, user_id, device.device_id, channel.hello.nonce, channel.leaf_hash
    )
    return c.DeviceProof(device.device_id, device.sign(payload), counter)


class Entrance:
    """The ways into the account of one vault."""

    def __init__(self, vault: Vault, waiter: Waiter) -> None:
        """`waiter` belongs to the thread that will own the connections."""
        self._vault = vault
        self._waiter = waiter
        self._account = login_state.account(vault)
        self._device = login_state.own_device(vault).keys
        self.server = ServerIdentity.of_account(self._account)

    def resume(self) -> LoggedIn | None:
        """Log in by token; None when there is none.

        Raises `TokenUnknown` or `TokenReused` when the session has ended (the vault's tokens are gone then), and what
        `connect` and `Channel.ask` raise.
        """
        while True:
            tokens = login_state.resume_tokens(self._vault)
            token = tokens.pending or tokens.current
            if token is None:
                return None
            counter = login_state.next_login_counter(self._vault)
            with self._connecting() as channel:
                proof = self._proof(channel, counter)
                try:
                    welcome = channel.ask(c.Resume(channel.request_id(), token, proof), Welcome)
                except TokenReused:
                    login_state.forget_tokens(self._vault)
                    raise
                except TokenUnknown:
                    if tokens.pending is None or tokens.current is None:
                        login_state.forget_tokens(self._vault)
                        raise
                    login_state.drop_pending_token(self._vault)  # another attempt's has replaced it
                else:
                    if tokens.pending is not None:
                        login_state.confirm_pending_token(self._vault)
                    return self._welcomed(channel, welcome, counter, resumed=True)
            channel.drop()

    def by_passphrase(self, passphrase: str, *, opened_vault: bool) -> LoggedIn:
        """Log in by passphrase. `opened_vault`: it is the one that opened this vault.

        Raises `AuthenticationFailed`; `PassphraseChangePending` instead while the vault has two passphrases, of which
        the server knows the other; `DeviceElsewhere`; and what `connect` and `Channel.ask` raise.
        """
        row = login_kdf_row(self.server, self._account.name, self._waiter)
        login_secret = derive_login_secret(
            passphrase, self.server.server_id, self._account.name, row=row, lowest=self._account.login_kdf
        )
        try:
            logged_in = self.by_login_secret(login_secret)
        except AuthenticationFailed as error:
            if opened_vault and self._vault.change_pending:
                raise PassphraseChangePending(
                    "A change of the passphrase was cut off, and the server knows the other one."
                ) from error
            raise
        try:
            login_state.remember_login_kdf(self._vault, row)
            if opened_vault:
                self._vault.settle_passphrase_change()
        except BaseException:
            logged_in.channel.drop()
            raise
        return logged_in

    def by_login_secret(self, login_secret: bytes) -> LoggedIn:
        """As `by_passphrase`, with what was derived from it before."""
        counter = login_state.next_login_counter(self._vault)
        with self._connecting() as channel:
            proof = self._proof(channel, counter)
            try:
                answer = channel.answer_to(c.Login(channel.request_id(), self._account.name, login_secret, proof))
            except DeviceElsewhere as error:
                raise self._elsewhere() from error
            if isinstance(answer, WelcomeLimited):
                raise self._elsewhere()
            if not isinstance(answer, Welcome):
                raise ServerSaidNonsense
            return self._welcomed(channel, answer, counter, resumed=False)

    def welcomed_by_enrolment(self, channel: Channel, welcome: Welcome, counter: int) -> LoggedIn:
        """A registration or recovery was answered: keep what the answer brings."""
        return self._welcomed(channel, welcome, counter, resumed=False)

    def _elsewhere(self) -> DeviceElsewhere:
        return DeviceElsewhere(f"{self._account.name}'s keys are on another device.", hint=self.server.ways_back)

    def _connecting(self) -> "_KeptWhenDone":
        return _KeptWhenDone(connect(self.server, self._waiter))

    def _proof(self, channel: Channel, counter: int) -> c.DeviceProof:
        return device_proof(channel, self.server, self._account.user_id, self._device, counter)

    def _welcomed(self, channel: Channel, welcome: Welcome, counter: int, *, resumed: bool) -> LoggedIn:
        if (welcome.user_id, welcome.name) != (self._account.user_id, self._account.name):
            raise ServerSaidNonsense("The server welcomes somebody else.")
        told: ChatError | None = None
        if welcome.counter_before >= counter:
            if welcome.counter_before > MAX_LOGIN_COUNTER:
                raise ServerSaidNonsense("The server counts more logins of this device than there can have been.")
            with self._vault.transaction() as transaction:
                login_state.raise_login_counter(transaction, welcome.counter_before)
                told = note_copy(transaction, time.time_ns() // 1_000_000)
        if welcome.token and resumed:
            self._take_successor(channel, welcome.token)
        elif welcome.token:
            login_state.keep_token(self._vault, welcome.token)
        return LoggedIn(channel, welcome, resumed, told)

    def _take_successor(self, channel: Channel, token: bytes) -> None:
        login_state.keep_pending_token(self._vault, token)
        # Refused for a while: the next resumption uses the successor, which confirms it as well.
        with contextlib.suppress(RateLimited, Busy, TokenUnknown):
            channel.ask(c.TokenConfirm(channel.request_id(), resume_token_hash(token)), Done)
            login_state.confirm_pending_token(self._vault)


class _KeptWhenDone:
    """A channel that an error on the way in closes, and success hands on."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __enter__(self) -> Channel:
        return self._channel

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._channel.drop()
