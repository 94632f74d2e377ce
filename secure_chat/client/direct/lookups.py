"""Who has a name now, asked because a person wants to know: the newest lists taken in, then the call goes on."""

from collections.abc import Callable

from secure_chat.client.direct.device_lists import shown_again, take_answer
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.sender import UNACCEPTABLE
from secure_chat.client.requests import Request, Requests
from secure_chat.errors import ChatError, ConnectionLost, ServerSaidNonsense, UserDisabled
from secure_chat.limits import MAX_STALE_ANSWERS
from secure_chat.protocol.commands import Command, DeviceListQuery
from secure_chat.protocol.events import DeviceLists, Said

Done = Callable[[ChatError | None], None]


class Lookups:
    """Questions about names."""

    def __init__(self, office: Office, requests: Requests, own: Own, now_ms: Callable[[], int]) -> None:
        self._office = office
        self._requests = requests
        self._own = own
        self._now_ms = now_ms

    def look(self, name: str, done: Done) -> None:
        """Ask; `done` is called once, with the error if it came to nothing."""
        with self._office.desk() as desk:
            contact = desk.contact(name)
            peer = None if contact is None else desk.peer(contact.user_id)
        self._ask(name, 0 if peer is None else peer.version, done, MAX_STALE_ANSWERS)

    def is_there(self, name: str, done: Done) -> None:
        """Ask whether there is somebody of that name, and take in nothing: no key is pinned by curiosity."""

        def command(id_: int) -> Command:
            return DeviceListQuery(id_, name=name)

        def answered(said: Said) -> None:
            if not isinstance(said, DeviceLists):
                done(ServerSaidNonsense())
            elif said.state != "enabled":
                done(UserDisabled(f"{name}'s account is disabled or deleted."))
            else:
                done(None)

        self._requests.ask(Request(command, answered, done, lost=lambda: done(ConnectionLost())))

    def _ask(self, name: str, after: int, done: Done, tries: int) -> None:
        def command(id_: int) -> Command:
            return DeviceListQuery(id_, name=name, after=after)

        def answered(said: Said) -> None:
            self._answered(name, after, done, tries, said)

        self._requests.ask(Request(command, answered, done, lost=lambda: done(ConnectionLost())))

    def _answered(self, name: str, after: int, done: Done, tries: int, said: Said) -> None:
        if not isinstance(said, DeviceLists) or not tries:
            done(ServerSaidNonsense())
            return
        try:
            with self._office.desk() as desk:
                again = take_answer(desk, self._own, name, after, said, self._now_ms())
                if again is None:
                    shown_again(desk, name, said.user_id)
        except UNACCEPTABLE as error:
            done(error)
            return
        if again is None:
            done(None)
        else:
            self._ask(name, again, done, tries - 1)
