"""The administration socket itself: where it is, who may connect to it."""

import logging
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from secure_chat.limits import MAX_CONTROL_CONNECTIONS
from secure_chat.server.settings.paths import socket_address

LOG: Final = logging.getLogger("secure_chat.administration")

SOCKET_MODE: Final = 0o600
_PEER: Final = struct.Struct("3i")  # Linux: pid, uid, gid


def listen(path: Path) -> socket.socket:
    """A non-blocking listening socket at `path`; one that a dead server left there is removed.

    The caller holds the lock of the data directory, so no living server listens there.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            listener.bind(address)
        os.chmod(path, SOCKET_MODE)
        listener.listen(MAX_CONTROL_CONNECTIONS)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def may_administer(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to the server's own user or to root.

    Where the system does not say, the directory's permissions alone decide.
    """
    if not sys.platform.startswith("linux"):
        return True
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    allowed = uid in (os.geteuid(), 0)
    if not allowed:
        LOG.warning("refused an operator's connection from user %d", uid)
    return allowed
