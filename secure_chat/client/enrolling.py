"""Telling the server of a new device, once and for certain: the same request again until there is an answer.

PROTOCOL.md, "Registration" and "Recovery and reset". The vault with the keys is on the disk before anything is sent; a
lost answer is settled by a login first, for the server may know the device already.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from secure_chat.client.backoff import Backoff
from secure_chat.client.channel import Channel, connect
from secure_chat.client.login import Entrance, LoggedIn, device_proof
from secure_chat.client.patience import Patience
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profile_label import ProfileState
from secure_chat.client.profiles import Profile, Profiles
from secure_chat.client.refusals import WAIT_AND_REPEAT
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import Account, Enrolment, OwnDevice
from secure_chat.client.waiting import Waiter
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    DeviceElsewhere,
    DeviceSignatureInvalid,
    DeviceUnknown,
    InternalError,
    NetworkFailed,
    ServerSaidNonsense,
    SlowReader,
    StorageFailed,
)
from secure_chat.limits import ENROLMENT_ATTEMPTS
from secure_chat.protocol import commands as c
from secure_chat.protocol.events import Welcome, WelcomeLimited

# The server may have done it, or may do it next time.
_UNCERTAIN = (NetworkFailed, *WAIT_AND_REPEAT, StorageFailed, InternalError, SlowReader, ServerSaidNonsense)
_NOT_KNOWN_THERE = (AuthenticationFailed, DeviceElsewhere, DeviceSignatureInvalid, DeviceUnknown)


def attempt_under_way(profiles: Profiles, host: str, port: int) -> Profile | None:
    """An attempt to come in at this server whose answer was lost, on this machine."""
    for profile in profiles.unfinished():
        label = profile.label
        if (label.host, label.port, label.state) == (host, port, ProfileState.SENT):
            return profile
    return None


@dataclass(frozen=True, slots=True)
class Application:
    """What goes with the device's own facts, which are in the vault."""

    login_secret: bytes = field(repr=False)  # 32
    login_kdf: int  # by which it was derived
    token: bytes = field(default=b"", repr=False)  # of the invite or reset link
    proof: bytes = field(default=b"", repr=False)  # for the inviter


class Enrolling:
    """One device's way into its account, from a draft whose vault is open."""

    def __init__(
        self, draft: ProfileDraft, application: Application, waiter: Waiter, say: Callable[[str], None]
    ) -> None:
        self._draft = draft
        self._application = application
        self._waiter = waiter
        self._patience = Patience(waiter, say)
        self._account: Account = login_state.account(draft.vault)
        self._device: OwnDevice = login_state.own_device(draft.vault)
        self._entrance = Entrance(draft.vault, waiter)

    def run(self, *, in_doubt: bool) -> LoggedIn:
        """Ask until it is answered. `in_doubt`: an earlier attempt may have arrived.

        Raises the server's refusal, after which the draft is gone; or why there was no answer, after which the same
        command goes on where this one stopped, if anything was sent at all.
        """
        backoff = Backoff()
        for attempts_left in reversed(range(ENROLMENT_ATTEMPTS)):
            try:
                logged_in = self._attempt(in_doubt)
            except _UNCERTAIN as error:
                if not attempts_left:
                    raise
                in_doubt = True
                self._patience.wait(error, backoff.next_wait(error.retry_after))
            else:
                login_state.remember_login_kdf(self._draft.vault, self._application.login_kdf)
                return logged_in
        raise InternalError

    def _attempt(self, in_doubt: bool) -> LoggedIn:
        if in_doubt:
            with contextlib.suppress(*_NOT_KNOWN_THERE):
                return self._entrance.by_login_secret(self._application.login_secret)
        counter = login_state.next_login_counter(self._draft.vault)
        channel = connect(self._entrance.server, self._waiter)
        try:
            if self._device.enrolment is Enrolment.RECOVERY and not self._application.token:
                self._log_in_without_device(channel)
            welcome = self._ask(channel, self._request(channel, counter))
            return self._entrance.welcomed_by_enrolment(channel, welcome, counter)
        except BaseException:
            channel.drop()
            raise

    def _ask(self, channel: Channel, request: c.Command) -> Welcome:
        self._draft.sending()
        try:
            return channel.ask(request, Welcome)
        except _UNCERTAIN:
            raise
        except ChatError:
            self._draft.discard(refused=True)  # an answer: the server does not know this device and will not
            raise

    def _log_in_without_device(self, channel: Channel) -> None:
        login = c.Login(channel.request_id(), self._account.name, self._application.login_secret)
        channel.ask(login, WelcomeLimited)

    def _request(self, channel: Channel, counter: int) -> c.Command:
        application, account = self._application, self._account
        proof = device_proof(channel, self._entrance.server, account.user_id, self._device.keys, counter)
        prekey = login_state.newest_signed_prekey(self._draft.vault).published.encode()
        devices = self._device.signed_device_list
        if self._device.enrolment is Enrolment.REGISTRATION:
            return c.Register(
                channel.request_id(),
                account.name,
                application.login_secret,
                devices,
                prekey,
                proof,
                application.token,
                application.proof,
            )
        return c.Recover(
            channel.request_id(), account.name, application.login_secret, devices, prekey, proof, application.token
        )
