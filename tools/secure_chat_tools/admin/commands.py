"""What each command of secure-chat-admin does; what it finds and makes comes out as facts."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar

from secure_chat.errors import InternalError
from secure_chat.limits import INVITE_TOKEN_BYTES
from secure_chat.names import room_name, user_name
from secure_chat.protocol import administration as a
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.events import Done
from secure_chat.protocol.link import Link
from secure_chat.server.settings import pasteable
from secure_chat.server.settings.model import Settings
from secure_chat_tools.admin.access import Access, opened
from secure_chat_tools.admin.arguments import ADMINISTRATOR, Arguments
from secure_chat_tools.admin.facts import (
    AnyFact,
    DoneFact,
    InviteFact,
    LinkFact,
    SessionFact,
    UserDetailsFact,
    UserFact,
    moment,
)
from secure_chat_tools.admin.plans import plan
from secure_chat_tools.screen import Screen

_REQUEST: Final = 1  # an answer is waited for before the next request

Reply = TypeVar("Reply", bound=a.AdministrationReply)
State: TypeAlias = Literal["enabled", "disabled", "deleted"]
LinkCommand: TypeAlias = a.AddUser | a.CreateInvite | a.ResetUser


@dataclass(slots=True)
class Run:
    """One run of a command. Neither the server nor its database waits for a person to answer or to read."""

    arguments: Arguments
    settings: Settings
    screen: Screen
    advice: list[str] = field(default_factory=list)  # what is worth knowing besides the facts

    def facts(self) -> Sequence[AnyFact]:
        """Do what was asked. Raises `ChatError`."""
        return _COMMANDS[self.arguments.command](self)

    # --- lists -----------------------------------------------------------------------------------

    def list_users(self) -> Sequence[AnyFact]:
        """Every account, page after page."""
        found: list[a.AccountFacts] = []
        with self._opened() as access:
            more = True
            while more:
                page = _ask(access, a.ListUsers(_REQUEST, found[-1].name if found else ""), a.AccountPage)
                found += page.accounts
                more = page.more
        return [UserFact.of(row) for row in found]

    def list_invites(self) -> Sequence[AnyFact]:
        """Every invite, page after page."""
        with self._opened() as access:
            return [InviteFact.of(row) for row in _invites(access)]

    def list_sessions(self) -> Sequence[AnyFact]:
        """Every session, page after page."""
        found: list[a.SessionFacts] = []
        with self._opened() as access:
            more = True
            while more:
                page = _ask(access, a.ListSessions(_REQUEST, found[-1].name if found else ""), a.SessionPage)
                found += page.sessions
                more = page.more
        return [SessionFact.of(row) for row in found if row.online or not self.arguments.only_online]

    # --- people ----------------------------------------------------------------------------------

    def show_user(self) -> Sequence[AnyFact]:
        """One account."""
        with self._opened() as access:
            return [self._details(access)]

    def enable_user(self) -> Sequence[AnyFact]:
        """Let a disabled account in again."""
        return self._put_into("enabled")

    def disable_user(self) -> Sequence[AnyFact]:
        """Keep an account out."""
        return self._put_into("disabled")

    def delete_user(self) -> Sequence[AnyFact]:
        """End an account for good."""
        return self._put_into("deleted")

    def log_out_user(self) -> Sequence[AnyFact]:
        """End an account's sessions."""
        with self._opened() as access:
            details = self._details(access)
        self._agree(details)
        with self._opened() as access:
            _ask(access, a.LogOutUser(_REQUEST, details.user.name), Done)
        return [DoneFact(what="logged_out", name=details.user.name)]

    def _put_into(self, state: State) -> Sequence[AnyFact]:
        with self._opened() as access:
            details = self._details(access)
        name = details.user.name
        if details.user.state == state:
            return [DoneFact(what=state, name=name, changed=False)]
        if state != "enabled":
            self._agree(details)
        with self._opened() as access:
            _ask(access, a.SetUserState(_REQUEST, name, state), Done)
        return [DoneFact(what=state, name=name)]

    def _agree(self, details: UserDetailsFact) -> None:
        self.screen.agree(plan(self.arguments.command, details), details.user.name)

    def _details(self, access: Access) -> UserDetailsFact:
        return UserDetailsFact.of(_ask(access, a.ShowUser(_REQUEST, self._name), a.AccountDetails))

    @property
    def _name(self) -> str:
        return user_name(self.arguments.name)

    # --- links -----------------------------------------------------------------------------------

    def add_user(self) -> Sequence[AnyFact]:
        """A link for one name."""
        name = self._name
        return self._link(
            lambda token: a.AddUser(_REQUEST, name, token, self.arguments.hours, self._role, self._rooms),
            f"Whoever holds this link joins as {name}: hand it over where nobody else reads it.",
        )

    def create_invite(self) -> Sequence[AnyFact]:
        """A link for anybody."""
        if self.settings.registration == "closed" and self._role != ADMINISTRATOR:
            self.advice.append(
                "Registration is closed: nobody can use this link until it is opened. A link that is bound to a name "
                "works: secure-chat-admin user add NAME"
            )
        becomes = "an administrator" if self._role == ADMINISTRATOR else "a member"
        return self._link(
            lambda token: a.CreateInvite(_REQUEST, token, self.arguments.hours, self._role, self._rooms),
            f"Whoever holds this link joins as {becomes}, under a name of their choice: hand it over where nobody else "
            "reads it.",
        )

    def reset_user(self) -> Sequence[AnyFact]:
        """A link by which an account's owner comes back."""
        with self._opened() as access:
            access.address()  # what keeps a link from being made is told before anything is asked
            details = self._details(access)
        self._agree(details)
        name = details.user.name
        return self._link(
            lambda token: a.ResetUser(_REQUEST, name, token, self.arguments.hours),
            f"Whoever holds this link becomes {name}: hand it over where nobody else reads it.",
        )

    def revoke_invite(self) -> Sequence[AnyFact]:
        """End an invite."""
        with self._opened() as access:
            _ask(access, a.RevokeInvite(_REQUEST, self.arguments.invite), Done)
        return [DoneFact(what="revoked", invite=self.arguments.invite)]

    def _link(self, request_with: Callable[[bytes], LinkCommand], warning: str) -> Sequence[AnyFact]:
        """The link of a request. The server is told the hash of its token alone."""
        token = secrets.token_bytes(INVITE_TOKEN_BYTES)
        request = request_with(invite_token_hash(token))
        with self._opened() as access:
            address = access.address()
            made = _ask(access, request, a.InviteMade)
            if request.name:
                self._end_earlier_links(access, request.name, made.invite)
        link = Link(address.host, address.port, address.authority, address.log_pin, token)
        expires = moment(made.expires)
        self.advice.append(warning)
        self.advice.append(
            f"It works once, until {expires.astimezone():%Y-%m-%d %H:%M}, and is not shown again. "
            f"To end it before that: secure-chat-admin invite revoke {made.invite}"
        )
        return [
            LinkFact(
                invite=made.invite,
                purpose="reset" if isinstance(request, a.ResetUser) else "join",
                name=request.name,
                expires=expires,
                link=link.format(),
                command=pasteable.join(link),
            )
        ]

    def _end_earlier_links(self, access: Access, name: str, newest: int) -> None:
        """One link a name: one that was lost on the way must not stay good beside its successor."""
        for row in _invites(access):
            if (row.name, row.state) == (name, "open") and row.invite != newest:
                _ask(access, a.RevokeInvite(_REQUEST, row.invite), Done)
                self.advice.append(f"The link that was made for {name} before, {row.invite}, no longer works.")

    @property
    def _role(self) -> a.RoleName:
        return "administrator" if self.arguments.role == ADMINISTRATOR else "member"

    @property
    def _rooms(self) -> list[str]:
        return [room_name(room) for room in self.arguments.rooms]

    # --- who answers -----------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[Access]:
        with opened(self.settings, self.screen.advise) as access:
            self.screen.explain(access.description)
            yield access


_COMMANDS: Final[dict[str, Callable[[Run], Sequence[AnyFact]]]] = {
    "user list": Run.list_users,
    "user show": Run.show_user,
    "user add": Run.add_user,
    "user enable": Run.enable_user,
    "user disable": Run.disable_user,
    "user delete": Run.delete_user,
    "user reset": Run.reset_user,
    "user logout": Run.log_out_user,
    "invite create": Run.create_invite,
    "invite list": Run.list_invites,
    "invite revoke": Run.revoke_invite,
    "sessions": Run.list_sessions,
}


def _invites(access: Access) -> Sequence[a.InviteRow]:
    found: list[a.InviteRow] = []
    more = True
    while more:
        page = _ask(access, a.ListInvites(_REQUEST, found[-1].invite if found else 0), a.InvitePage)
        found += page.invites
        more = page.more
    return found


def _ask(access: Access, command: a.WritingCommand | a.ReadingCommand, kind: type[Reply]) -> Reply:
    reply = access.ask(command)
    if not isinstance(reply, kind):
        raise InternalError
    return reply
