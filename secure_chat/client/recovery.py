"""Coming back without the vault: by the recovery key as a new device in place of the old, else told why not.

PROTOCOL.md, "Recovery and reset". No connection is open while the person types or a key is derived.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

from secure_chat.client.answers import Answers
from secure_chat.client.channel import connect
from secure_chat.client.enrolled import Enrolled, ShowRecovery, complete, shown_device_list
from secure_chat.client.enrolling import Application, Enrolling, attempt_under_way
from secure_chat.client.login import login_kdf_row
from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.patience import Patience
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profiles import Profile, Profiles
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.vault import enrolment
from secure_chat.client.vault.enrolment import ServerFacts
from secure_chat.client.waiting import Waiter
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.ml_kem import require_ml_kem
from secure_chat.errors import ChatError, DeviceElsewhere, ProfileBusy, RecoveryKeyInvalid
from secure_chat.protocol.commands import Login
from secure_chat.protocol.events import WelcomeLimited
from secure_chat.protocol.link import Link

_LEFT_BEHIND: Final = (
    "Direct messages that the old device had not fetched cannot be read here: ask for them again. "
    "Numbers that were compared there are to be compared anew."
)


class Recovering:
    """One `login LINK`, on a machine that has no profile of the account."""

    def __init__(self, link: Link, profiles: Profiles, answers: Answers, show_recovery: ShowRecovery) -> None:
        self._link = link
        self._server = ServerIdentity.of_link(link)
        self._profiles = profiles
        self._answers = answers
        self._show_recovery = show_recovery

    def recover(self) -> Enrolled:
        """Put this device in place of the old one. Raises `RecoveryKeyOther` and what joining raises."""
        require_ml_kem()
        with Waiter() as waiter:
            facts = self._patience(waiter).ask(lambda: self._recognise(waiter))
            self._answers.asking.say("Server certificate matches the link.")
            begun = self._begun_here()
            name = self._answers.user_name(suggested=begun.label.name if begun is not None else "")
            with (
                self._in_place_of(name, agreed=begun is not None and begun.label.name == name),
                ProfileDraft(self._profiles, name, self._link.host, self._link.port, replaces=True) as draft,
            ):
                if draft.resumes and (begun is None or begun.label.name != name):
                    draft.start_over()  # it was cut off before anything was sent
                if draft.resumes:
                    self._answers.asking.say("Recovery was cut off after it was sent; it goes on from there.")
                    _, passphrase = self._answers.open_vault(draft.open_vault)
                    row, login_secret = self._derive(name, passphrase, waiter)
                else:
                    passphrase = self._answers.known_passphrase()
                    seed = self._answers.recovery_seed(may_be_missing=False)
                    if seed is None:
                        raise RecoveryKeyInvalid
                    row, login_secret = self._derive(name, passphrase, waiter)
                    newest = self._newest_list(name, login_secret, waiter)
                    now_ms = time.time_ns() // 1_000_000
                    draft.commit_vault(passphrase, enrolment.recover(facts, seed, newest, os.urandom, now_ms))
                    self._answers.asking.say("Keys of this device were made.")
                enrolling = Enrolling(draft, Application(login_secret, row), waiter, self._answers.asking.say)
                logged_in = enrolling.run(in_doubt=draft.resumes)
                self._answers.asking.say(_LEFT_BEHIND)
                return complete(draft, passphrase, logged_in, self._show_recovery)

    def explain(self) -> DeviceElsewhere:
        """Log in as far as it goes without keys, and say what is missing. Raises what a login raises."""
        with Waiter() as waiter:
            self._patience(waiter).ask(lambda: self._recognise(waiter))
            name = self._answers.user_name()
            _, login_secret = self._derive(name, self._answers.known_passphrase(), waiter)
            self._newest_list(name, login_secret, waiter)
            return DeviceElsewhere(f"{name}'s keys are on another device.", hint=self._server.ways_back)

    @contextlib.contextmanager
    def _in_place_of(self, name: str, *, agreed: bool) -> Iterator[None]:
        """Hold the profile that the account has here meanwhile: it is retired once the new device is accepted."""
        with contextlib.ExitStack() as held:
            for profile in self._profiles.complete():
                if not profile.is_of(name, self._link.host, self._link.port):
                    continue
                try:
                    held.enter_context(profile.acquire())
                except ProfileBusy:
                    raise
                except ChatError as error:
                    self._answers.asking.say(error.sentence)  # a vault that cannot be opened is a reason to come back
                if not agreed:
                    self._answers.agree(
                        f"{profile.title} is on this machine already. A new device takes its place, and what only this"
                        " one has kept, its direct messages among it, is not shown any more."
                    )
            yield

    def _recognise(self, waiter: Waiter) -> ServerFacts:
        with connect(self._server, waiter) as channel:
            return self._server.facts(channel.hello.log_pk)

    def _begun_here(self) -> Profile | None:
        return attempt_under_way(self._profiles, self._link.host, self._link.port)

    def _derive(self, name: str, passphrase: str, waiter: Waiter) -> tuple[int, bytes]:
        row = self._patience(waiter).ask(lambda: login_kdf_row(self._server, name, waiter))
        return row, derive_login_secret(passphrase, self._server.server_id, name, row=row)

    def _newest_list(self, name: str, login_secret: bytes, waiter: Waiter) -> AcceptedDeviceList:
        def log_in_without_device() -> WelcomeLimited:
            with connect(self._server, waiter) as channel:
                return channel.ask(Login(channel.request_id(), name, login_secret), WelcomeLimited)

        return shown_device_list(self._patience(waiter).ask(log_in_without_device).device_list, name)

    def _patience(self, waiter: Waiter) -> Patience:
        return Patience(waiter, self._answers.asking.say)
