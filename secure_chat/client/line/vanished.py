"""How a terminal whose window was closed is recognised."""

import errno
from typing import Final

_ERRORS: Final = (errno.EIO, errno.ENXIO, errno.EBADF)


def has_vanished(error: OSError) -> bool:
    """Whether this error of reading or writing says that the terminal is not there any more."""
    return error.errno in _ERRORS
