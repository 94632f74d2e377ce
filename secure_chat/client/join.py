"""Joining by a link: the server recognised, the person asked, keys made and kept, the account registered.

PROTOCOL.md, "Registration" and "Invites". No connection is open while the person types or a key is derived.
"""

import os
import time
from dataclasses import dataclass

from secure_chat.client.answers import Answers, suggested_name
from secure_chat.client.channel import connect
from secure_chat.client.direct.contacts import verify_by_invite
from secure_chat.client.direct.inviter import KnownInviter, recognise_inviter
from secure_chat.client.enrolled import Enrolled, ShowRecovery, complete, shown_device_list
from secure_chat.client.enrolling import Application, Enrolling, attempt_under_way
from secure_chat.client.login import login_kdf_row
from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.patience import Patience
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profiles import Profile, Profiles
from secure_chat.client.sentences import error_sentences
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.vault import enrolment, login_state
from secure_chat.client.vault.enrolment import NewVault, ServerFacts
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.waiting import Waiter
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.ml_kem import require_ml_kem
from secure_chat.errors import (
    InviteUsed,
    NameInvalid,
    NameTaken,
    ProfileExists,
    RegistrationClosed,
    ServerSaidNonsense,
)
from secure_chat.names import check_user_name
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.commands import InviteQuery
from secure_chat.protocol.events import InviteFacts
from secure_chat.protocol.link import Link


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the first connection has told: the server's facts, and what the invite is for."""

    server: ServerFacts
    invitation: InviteFacts | None  # None: open registration, or an invite used by the attempt that is taken up
    inviter: KnownInviter | None = None  # whom the link names

    def pin_inviter(self, transaction: Transaction) -> None:
        """Keep the inviter as a verified contact: the link is the proof."""
        known = self.inviter
        if known is not None:
            verify_by_invite(transaction, known.name, known.user_id, known.identity_key.raw, _now_ms())


class Joining:
    """One `join`."""

    def __init__(self, link: Link, profiles: Profiles, answers: Answers, show_recovery: ShowRecovery) -> None:
        self._link = link
        self._server = ServerIdentity.of_link(link)
        self._profiles = profiles
        self._answers = answers
        self._show_recovery = show_recovery

    def run(self) -> Enrolled:
        """Join. Raises what is wrong with the server, the invite or the answers; Ctrl-C leaves nothing behind."""
        require_ml_kem()
        with Waiter() as waiter:
            prospect = Patience(waiter, self._say).ask(lambda: self._learn(waiter))
            self._say("Server certificate matches the invite.")
            invitation = prospect.invitation
            if invitation is not None and invitation.purpose == "reset":
                return self._come_back(prospect.server, invitation, waiter)
            while True:
                try:
                    return self._register(prospect, waiter)
                except (NameTaken, ProfileExists) as error:
                    is_given = self._answers.name is not None or (invitation is not None and invitation.name)
                    if is_given or not self._answers.asking.repeats:
                        raise
                    refusal = error
                self._say(" ".join(error_sentences(refusal)))

    # --- the first connection --------------------------------------------------------------------

    def _learn(self, waiter: Waiter) -> Prospect:
        with connect(self._server, waiter) as channel:
            facts = self._server.facts(channel.hello.log_pk)
            if not self._link.token:
                if channel.hello.registration != "open":
                    raise RegistrationClosed(
                        "This link is only the address of the server, and joining needs an invite."
                    )
                return Prospect(facts, None)
            query = InviteQuery(channel.request_id(), invite_token_hash(self._link.token))
            try:
                invitation = channel.ask(query, InviteFacts)
            except InviteUsed:
                if self._begun_here() is None:
                    raise
                return Prospect(facts, None)
        _check_facts(invitation)
        return Prospect(facts, invitation, recognise_inviter(self._link, invitation))

    def _free(self) -> str:
        """The name to take for Enter, unless this machine has its profile already."""
        name = suggested_name()
        there = self._profiles.complete()
        return "" if any(each.is_of(name, self._link.host, self._link.port) for each in there) else name

    def _begun_here(self) -> Profile | None:
        return attempt_under_way(self._profiles, self._link.host, self._link.port)

    # --- a new account ---------------------------------------------------------------------------

    def _register(self, prospect: Prospect, waiter: Waiter) -> Enrolled:
        begun = self._begun_here()
        bound = prospect.invitation.name if prospect.invitation is not None else ""
        name = self._answers.user_name(bound=bound, suggested=begun.label.name if begun is not None else self._free())
        # Only a reset's link leads to an unfinished profile beside a complete one of the same account.
        replaces = begun is not None
        with ProfileDraft(self._profiles, name, self._link.host, self._link.port, replaces=replaces) as draft:
            if draft.resumes and (begun is None or begun.label.name != name):
                draft.start_over()  # it was cut off before anything was sent
            if draft.resumes:
                return self._take_up(draft, prospect, waiter)
            passphrase = self._answers.new_passphrase()
            row = self._login_kdf_row(name, waiter)
            new = enrolment.register(prospect.server, name, os.urandom, _now_ms())
            draft.commit_vault(passphrase, new, also=prospect.pin_inviter)
            self._say("Your keys were made on this device.")
            return self._enrol(draft, prospect, passphrase, row, waiter, in_doubt=False)

    def _take_up(self, draft: ProfileDraft, prospect: Prospect, waiter: Waiter) -> Enrolled:
        self._say("Joining was cut off after it was sent; it goes on from there.")
        vault, passphrase = self._answers.open_vault(draft.open_vault)
        row = self._login_kdf_row(login_state.account(vault).name, waiter)
        return self._enrol(draft, prospect, passphrase, row, waiter, in_doubt=True)

    def _enrol(
        self, draft: ProfileDraft, prospect: Prospect, passphrase: str, row: int, waiter: Waiter, *, in_doubt: bool
    ) -> Enrolled:
        account = login_state.account(draft.vault)
        login_secret = derive_login_secret(passphrase, account.server_id, account.name, row=row)
        own = login_state.own_device(draft.vault).device_list.device_list
        proof = b"" if prospect.inviter is None else prospect.inviter.proof(own)
        application = Application(login_secret, row, self._link.token, proof)
        logged_in = Enrolling(draft, application, waiter, self._say).run(in_doubt=in_doubt)
        return complete(draft, passphrase, logged_in, self._show_recovery)

    # --- an account that an administrator has reset ----------------------------------------------

    def _come_back(self, server: ServerFacts, invitation: InviteFacts, waiter: Waiter) -> Enrolled:
        newest = shown_device_list(invitation.device_list, invitation.name)
        name = self._answers.user_name(bound=invitation.name)
        with ProfileDraft(self._profiles, name, self._link.host, self._link.port, replaces=True) as draft:
            if draft.resumes and self._begun_here() is None:
                draft.start_over()
            prospect = Prospect(server, invitation)
            if draft.resumes:
                return self._take_up(draft, prospect, waiter)
            seed = self._answers.recovery_seed(may_be_missing=True)
            passphrase = self._answers.new_passphrase()
            row = self._login_kdf_row(name, waiter)
            draft.commit_vault(passphrase, _new_device(server, seed, newest))
            self._say("Your keys were made on this device.")
            return self._enrol(draft, prospect, passphrase, row, waiter, in_doubt=False)

    def _login_kdf_row(self, name: str, waiter: Waiter) -> int:
        return Patience(waiter, self._say).ask(lambda: login_kdf_row(self._server, name, waiter))

    def _say(self, text: str) -> None:
        self._answers.asking.say(text)


def _check_facts(invitation: InviteFacts) -> None:
    """A purpose that there is, and a name that somebody may have: the person sees it, and a profile bears it."""
    if invitation.purpose not in ("join", "reset"):
        raise ServerSaidNonsense("The server says of this invite what this version does not know.")
    try:
        if invitation.name:
            check_user_name(invitation.name)
    except NameInvalid as error:
        raise ServerSaidNonsense("The server says that this invite is for a name that nobody can have.") from error


def _new_device(server: ServerFacts, seed: bytes | None, newest: AcceptedDeviceList) -> NewVault:
    if seed is None:
        return enrolment.reset(server, newest, os.urandom, _now_ms())
    return enrolment.recover(server, seed, newest, os.urandom, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
