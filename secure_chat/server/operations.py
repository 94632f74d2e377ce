"""What only the running server can answer an operator: how it is, where it is, and the reload."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from secure_chat import __version__
from secure_chat.certificates.pins import log_pin
from secure_chat.protocol import administration as a
from secure_chat.server.control import Gathered
from secure_chat.server.live import Checked, check, check_same_server
from secure_chat.server.services import Live
from secure_chat.server.settings.model import SETTINGS, Settings, needing_restart, taken_over, value_of
from secure_chat.server.settings.sources import SettingsSources
from secure_chat.storage.reader import StoreReader

LOG: Final = logging.getLogger("secure_chat.administration")
MS_PER_SECOND: Final = 1000
NO_ACCOUNT: Final = 0  # accounts are numbered from 1


class Running(Protocol):
    """What is asked of the I/O core."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""

    def reload(self, live: Live) -> None:
        """Swap certificate, rates and handlers, as a whole."""


@dataclass(slots=True)
class ServerOperations:
    """Owned by the control thread from its start on."""

    sources: SettingsSources
    checked: Checked
    core: Running
    configure: Callable[[Settings], None]
    """Hands new settings to the parts that keep their own: the log, the limits of logins."""
    started_ms: int

    def answer(self, command: a.LiveCommand, sessions: Gathered, reader: StoreReader) -> a.AdministrationReply:
        """Status, statistics, address, reload. Raises `ChatError`."""
        match command:
            case a.AskStatus():
                return self._status(command.id, sessions, reader)
            case a.AskStatistics():
                return self._statistics(command.id, sessions)
            case a.AskAddress():
                identity = self.checked.identity
                port = self.core.address[1]
                return a.Address(
                    command.id, self.checked.settings.name, port, identity.authority, log_pin(identity.log_public_key)
                )
            case a.Reload():
                return self._reload(command.id)

    def _reload(self, request: int) -> a.Reloaded:
        """Check everything, then swap everything; a fault anywhere leaves all as it was."""
        old = self.checked
        loaded = self.sources.load().settings
        new = check(taken_over(old.settings, loaded), datetime.now(UTC).astimezone())
        check_same_server(old.identity, new.identity)
        self.core.reload(new.live)
        self.configure(new.settings)
        self.checked = new
        changed = [row.key for row in SETTINGS if value_of(old.settings, row.key) != value_of(new.settings, row.key)]
        waiting = list(needing_restart(old.settings, loaded))
        LOG.info("reloaded; changed: %s; at the next start: %s", ", ".join(changed), ", ".join(waiting))
        return a.Reloaded(request, changed, waiting, _ms(new.identity.ends))

    def _status(self, request: int, sessions: Gathered, reader: StoreReader) -> a.Status:
        settings = self.checked.settings
        host, port = self.core.address
        return a.Status(
            id=request,
            version=__version__,
            pid=os.getpid(),
            host=host,
            port=port,
            name=settings.name,
            registration=settings.registration,
            started=self.started_ms,
            connections=sessions.connections,
            people=len(sessions.accounts),
            accounts=reader.users().total,
            rooms=reader.rooms(NO_ACCOUNT).total,
            certificate_ends=_ms(self.checked.identity.ends),
        )

    def _statistics(self, request: int, sessions: Gathered) -> a.Statistics:
        counted = {
            "connections": sessions.connections,
            "devices_online": len(sessions.devices),
            "people_online": len(sessions.accounts),
        }
        return a.Statistics(request, [a.Counter(name, value) for name, value in sorted(counted.items())])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * MS_PER_SECOND)
