"""An account for one command: the profile chosen and opened, connected, asked, left."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from secure_chat.client.arguments import Arguments
from secure_chat.client.backoff import BackoffLimits
from secure_chat.client.core import Client, Options
from secure_chat.client.direct.events import DirectDelayed, DirectHeard, KeyIsChanged, KeyIsContradicted, MayBeLost
from secure_chat.client.events import (
    Answer,
    Answered,
    Connected,
    Disconnected,
    Event,
    Failed,
    LineDelayed,
    RoomsFound,
    Stopped,
    Ticket,
    Told,
)
from secure_chat.client.one_shot.output import Output
from secure_chat.client.one_shot.text_form import explain, time_of
from secure_chat.client.passphrases import PassphraseSource
from secure_chat.client.persistence import Persistence
from secure_chat.client.profiles import Profile, Profiles, data_directory
from secure_chat.client.settings import Settings
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ChatError, ConnectionLost, InternalError, RateLimited
from secure_chat.limits import COMMAND_PATIENCE_SECONDS
from secure_chat.programs import typable
from secure_chat.sanitize import one_line

_QUIET_LISTS: Final = 5  # a page, what it needs to be opened, its acknowledgement: each is one of them late at most
_NO_ROOM: Final = "!"  # in no room's name

AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every command has: its arguments, the settings in force, its output."""

    arguments: Arguments
    settings: Settings
    output: Output

    @property
    def profiles(self) -> Profiles:
        """The profiles of this machine."""
        return Profiles(data_directory(self.settings.data))

    @property
    def passphrase_source(self) -> PassphraseSource:
        """Where the passphrase of a profile comes from."""
        return PassphraseSource(self.settings.passphrase_file)

    @property
    def backoff(self) -> BackoffLimits:
        """The waits between connections."""
        return BackoffLimits(self.settings.retry_first, self.settings.retry_most)

    def choose_profile(self) -> Profile:
        """The profile that is meant; says which when nobody named it."""
        profile = self.profiles.choose(self.settings.profile)
        if self.settings.profile is None:
            self.output.say(f"Profile {profile.title}.")
        return profile

    @contextlib.contextmanager
    def account(self, *, attend: bool = False) -> Iterator["ConnectedAccount"]:
        """The chosen profile, opened and connected."""
        profile = self.choose_profile()
        vault, passphrase = self.passphrase_source.unlock(profile)
        with vault, self.connected(profile, vault, passphrase, attend=attend) as account:
            yield account

    @contextlib.contextmanager
    def connected(
        self, profile: Profile, vault: Vault, passphrase: str, *, attend: bool = False
    ) -> Iterator["ConnectedAccount"]:
        """A profile that is open, connected. Raises why it cannot be."""
        persistence = Persistence(patience=COMMAND_PATIENCE_SECONDS, asks=False)
        options = Options(attend=attend, persistence=persistence, backoff=self.backoff)
        with Client(vault, passphrase, options) as client:
            self.profiles.mark_used(profile)
            account = ConnectedAccount(profile, vault, client, self.output)
            account.wait_until_connected()
            yield account


class ConnectedAccount:
    """A client whose events are taken one after the other by one command."""

    def __init__(self, profile: Profile, vault: Vault, client: Client, output: Output) -> None:
        self.profile = profile
        self.vault = vault
        self.client = client
        self.stopped: Stopped | None = None  # what was left when the client ended by itself
        self._output = output
        self._later: deque[Event] = deque()  # came while something else was waited for
        self._directs = 0  # rows of conversations that came

    @property
    def own_name(self) -> str:
        """Whose account it is."""
        return self.client.snapshot.name

    def wait_until_connected(self) -> None:
        """Raises why it cannot be."""
        self._find(lambda event: isinstance(event, Connected))

    def answer(self, ticket: Ticket, kind: type[AnyAnswer]) -> AnyAnswer:
        """What a call led to. Raises why it led to nothing."""
        event = self._find(lambda event: isinstance(event, Answered | Failed) and event.ticket == ticket)
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Answered) and isinstance(event.answer, kind):
            return event.answer
        raise InternalError

    def take_mail(self) -> None:
        """Wait until the messages that waited at the server are in the vault.

        They are pushed by themselves, and nothing says which is the last. But a list of rooms is read at the server
        by the same thread, after the pages of the mailbox that were asked for before it; so when everything pushed is
        opened and acknowledged, and some such lists later nothing more has come, there is nothing more.
        """
        quiet, heard = 0, self._directs
        while quiet < _QUIET_LISTS:
            self.answer(self.client.list_rooms(_NO_ROOM), RoomsFound)
            is_quiet = self._directs == heard and self.client.snapshot.mail_is_opened
            quiet, heard = quiet + 1 if is_quiet else 0, self._directs

    def find(self, wanted: Callable[[Event], bool]) -> Event:
        """The next event that is wanted; the others before it stay. Raises why the client has stopped."""
        return self._find(wanted)

    def next_event(self) -> Event:
        """The next event, those that stayed first. Raises why the client has stopped."""
        return self._later.popleft() if self._later else self._next()

    def _find(self, wanted: Callable[[Event], bool]) -> Event:
        for position, event in enumerate(self._later):
            if wanted(event):
                del self._later[position]
                return event
        while not wanted(event := self._next()):
            self._later.append(event)
        return event

    def _next(self) -> Event:
        event = self.client.events.get()
        while event is None:
            event = self.client.events.get()
        if isinstance(event, Stopped):
            self.stopped = event
            raise event.error if event.error is not None else ConnectionLost()
        self._tell(event)
        return event

    def _tell(self, event: Event) -> None:
        match event:
            case DirectHeard():
                self._directs += 1
            case DirectDelayed() if not isinstance(event.error, RateLimited):
                self._output.say(f"{one_line(event.error.sentence)} Going on in {event.seconds:.1f} s.")
            case KeyIsChanged():
                self._output.say(f"{one_line(event.peer)} has a new key since {time_of(event.since)} [key.changed]")
            case KeyIsContradicted():
                self._output.say(explain(event.error))
            case MayBeLost():
                peer, since = one_line(event.peer), time_of(event.since)
                count = f"{event.count:,} message{'s' if event.count > 1 else ''} since {since}"
                where = typable(f"secure-chat history @{peer}")
                self._output.say(f"{peer} has a new device: {count} may not have arrived. See: {where}")
            case Connected():
                way = "by its session" if event.resumed else "by passphrase"
                self._output.say_more(f"Connected to {event.server} as {one_line(event.name)}, {way}.")
            case Told():
                self._output.say(explain(event.error))
            case LineDelayed():
                self._output.say(f"{one_line(event.error.sentence)} Going on in {event.seconds:.1f} s.")
            case Disconnected(error=ChatError() as error, retry_in=float() as seconds):
                self._output.say(f"{one_line(error.sentence)} Trying again in {seconds:.0f} s.")
            case _:
                return


def path_or_none(text: str | None) -> Path | None:
    """A path that was given."""
    return None if text is None else Path(text).expanduser()
