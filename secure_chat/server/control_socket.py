"""The administration socket itself: where it is, who may connect to it."""

import logging
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from secure_chat.errors import PermissionDenied
from secure_chat.limits import MAX_CONTROL_CONNECTIONS
from secure_chat.server.settings.paths import socket_address
from secure_chat.storage.administration import operator_name

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


def operator_of(connection: socket.socket) -> str:
    """The name of the operating system's user at the other end, who is the server's own or root.

    Where the system does not say, the directory's permissions alone decide. Raises `PermissionDenied`.
    """
    if not sys.platform.startswith("linux"):
        return operator_name(os.geteuid())
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    if uid not in (os.geteuid(), 0):
        LOG.warning("refused an operator's connection from user %d", uid)
        raise PermissionDenied(
            "This user may not administer this server.", hint="run it as the server's user or as root"
        )
    return operator_name(uid)
