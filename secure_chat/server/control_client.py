"""Ask a running server through its administration socket: one request, one reply."""

import socket
from pathlib import Path

from secure_chat.errors import PermissionDenied, ServerNotRunning
from secure_chat.limits import CONTROL_ANSWER_SECONDS, MAX_FRAME_BYTES
from secure_chat.protocol import administration as a
from secure_chat.protocol.events import Failure
from secure_chat.protocol.frames import FrameReader
from secure_chat.server.settings.paths import socket_address

_PIECE = 64 * 1024  # bytes of one read
_PATIENCE_SECONDS = 2 * CONTROL_ANSWER_SECONDS  # the server answers earlier, if only that it is busy


def ask(path: Path, command: a.AdministrationCommand) -> a.AdministrationReply:
    """The server's reply. Raises `ServerNotRunning` when nobody listens, and the error of a refusal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE_SECONDS)
        _connect(connection, path)
        try:
            connection.sendall(a.encode(command))
            reply = a.decode_reply(_first_frame(connection))
        except OSError:
            raise ServerNotRunning("The server did not answer; it may be stopping, or refuse this user.") from None
    if isinstance(reply, Failure):
        raise a.error_of(reply)
    return reply


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        with socket_address(path) as address:
            connection.connect(address)
    except PermissionError:
        raise PermissionDenied(
            f"This user may not administer the server of {path.parent.parent}.",
            hint="run it as the server's user or as root",
        ) from None
    except OSError:
        raise ServerNotRunning(f"No server is running on {path.parent.parent}.") from None


def _first_frame(connection: socket.socket) -> bytes:
    frames = FrameReader(MAX_FRAME_BYTES)
    while data := connection.recv(_PIECE):
        if bodies := frames.feed(data):
            return bodies[0]
    raise ConnectionResetError
