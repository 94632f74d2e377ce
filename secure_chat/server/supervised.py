"""A thread whose unexpected death the supervisor learns of."""

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Final

from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Died, SupervisorItem

logger: Final = logging.getLogger(__name__)


class SupervisedThread(threading.Thread):
    """Runs `work`; an exception that leaves it goes to the supervisor's inbox, and the process ends with a message.

    It is a daemon thread, so that one that hangs cannot keep a dying process alive; an orderly end joins it.
    """

    def __init__(self, name: str, work: Callable[[], None], supervisor: Inbox[SupervisorItem]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._supervisor = supervisor

    def run(self) -> None:
        """Do the work to its end, or report how it broke."""
        try:
            self._work()
        except BaseException:  # whatever it is: a server without this thread must not go on
            report = traceback.format_exc()
            logger.exception("thread %s has died", self.name)
            self._supervisor.put(Died(self.name, report))
