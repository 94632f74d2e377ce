"""Telling the service manager that the server is ready, or about to stop (sd_notify(3))."""

import contextlib
import os
import socket
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """Send one line such as `READY=1` to whoever asked for it in the environment; nobody may be there."""
    name = os.environ.get(VARIABLE, "")
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(state.encode("ascii"))
