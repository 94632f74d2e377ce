"""What follows a failed or lost connection: another attempt, a question, waiting to be told, or the end."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from secure_chat.client.refusals import WAIT_AND_REPEAT
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    CommandInvalid,
    Deadline,
    DeviceReplaced,
    FrameInvalid,
    FrameTooLarge,
    InternalError,
    LoginDerivationRefused,
    NetworkFailed,
    ServerSaidNonsense,
    SlowReader,
    StorageFailed,
    TlsError,
    TokenReused,
    TokenUnknown,
    VaultFull,
)

# Nothing is wrong with this client, this account, or who the server is.
_PASSING: Final = (
    NetworkFailed,
    *WAIT_AND_REPEAT,
    StorageFailed,
    InternalError,
    Deadline,
    SlowReader,
    FrameInvalid,
    FrameTooLarge,
    VaultFull,  # room is made on a disk while the program goes on
)
# At the first connection a person must look; later it may be a hotel's network in between, and nothing is sent to it.
_ANOTHER_SERVER: Final = (TlsError, LoginDerivationRefused, ServerSaidNonsense, CommandInvalid)
_PASSPHRASE: Final = (TokenUnknown, TokenReused, AuthenticationFailed)


class Next(Enum):
    """What to do now."""

    AGAIN = "again"  # after a wait
    ASK = "ask"  # the passphrase
    WAIT = "wait"  # until somebody asks for a reconnect
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Persistence:
    """How hard to try. `patience`: seconds without a connection after which it is given up; None: never.

    `asks`: somebody is there who can be asked for a passphrase.
    """

    patience: float | None = None
    asks: bool = True

    def what_next(self, error: ChatError, *, connected_before: bool) -> Next:
        """What follows this error, time aside."""
        if isinstance(error, _PASSPHRASE):
            return Next.ASK if self.asks else Next.STOP
        if isinstance(error, _PASSING):
            # Who runs one command does not wait for a server that is not there; one that is busy is there.
            given_up = self.patience is not None and not connected_before and not isinstance(error, WAIT_AND_REPEAT)
            return Next.STOP if given_up else Next.AGAIN
        if isinstance(error, _ANOTHER_SERVER):
            return Next.AGAIN if connected_before else Next.STOP
        if isinstance(error, DeviceReplaced) or connected_before:
            return Next.WAIT if self.patience is None else Next.STOP
        return Next.STOP

    def is_used_up(self, seconds: float) -> bool:
        """Whether this long without a connection is too long."""
        return self.patience is not None and seconds > self.patience
