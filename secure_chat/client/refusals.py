"""From a server's refusal to the error that a person is told: the code decides, the words are made safe to show."""

from functools import cache
from typing import Final

from secure_chat import errors
from secure_chat.errors import Busy, ChatError, RateLimited, RefusedByServer, StorageFull
from secure_chat.limits import MAX_RETRY_SECONDS, RETRY_SECONDS
from secure_chat.protocol.events import Failure

WAIT_AND_REPEAT: Final = (RateLimited, Busy, StorageFull)
"""Refusals of a request that has not happened: the same one succeeds after a while."""


def error_of(failure: Failure) -> ChatError:
    """The error of that code; one that this version does not know keeps its code."""
    from secure_chat.sanitize import one_line  # here, because its tables are not needed before something fails

    error = _errors_by_code().get(failure.code, RefusedByServer)(
        one_line(failure.sentence), hint=one_line(failure.hint) or None, retry_after=bounded_wait(failure.retry_after)
    )
    if isinstance(error, RefusedByServer) and _is_code(failure.code):
        vars(error)["code"] = failure.code  # scripts compare it, whatever this version knows
    return error


def seconds_to_wait(error: ChatError) -> float:
    """How long a refusal of `WAIT_AND_REPEAT` asks to wait."""
    return RETRY_SECONDS if error.retry_after is None else error.retry_after


def bounded_wait(seconds: float | None) -> float | None:
    """A time that a server asks to wait, in seconds; None for one that makes no sense."""
    # Not-a-number does not pass this comparison.
    return min(seconds, MAX_RETRY_SECONDS) if seconds is not None and seconds >= 0 else None


def _is_code(code: str) -> bool:
    return len(code) <= 64 and all(part.isascii() and part.replace("_", "a").isalnum() for part in code.split("."))


@cache
def _errors_by_code() -> dict[str, type[ChatError]]:
    known = (each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatError))
    # Only those with a code of their own: others share one with the error that they are a kind of.
    return {error.code: error for error in known if error is not ChatError and "code" in vars(error)}
