"""Ask a running server through its administration socket: one request, one reply."""

import contextlib
import socket

from secure_chat.errors import NoAnswer, PermissionDenied, ServerNotRunning
from secure_chat.limits import CONTROL_ANSWER_SECONDS, MAX_FRAME_BYTES
from secure_chat.protocol import administration as a
from secure_chat.protocol.events import Failure
from secure_chat.protocol.frames import FrameReader
from secure_chat.server.settings.paths import DataDirectory, socket_address

_PIECE = 64 * 1024  # bytes of one read
_PATIENCE_SECONDS = 2 * CONTROL_ANSWER_SECONDS  # the server answers earlier, if only that it is busy


def ask(data: DataDirectory, command: a.AdministrationCommand) -> a.AdministrationReply:
    """The reply of the server that runs on `data`.

    Raises `ServerNotRunning` when nobody listens, `PermissionDenied`, the error of a refusal, and `NoAnswer` when it is
    not known what became of the request.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE_SECONDS)
        _connect(connection, data)
        try:
            # A server that turns this user away has said so before it took the request.
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(a.encode(command))
            reply = a.decode_reply(_first_frame(connection))
        except OSError:
            raise NoAnswer(
                "The server did not answer; it may be stopping.", hint="see it: secure-chat-server status"
            ) from None
    if isinstance(reply, Failure):
        raise a.error_of(reply)
    return reply


def _connect(connection: socket.socket, data: DataDirectory) -> None:
    try:
        with socket_address(data.control_socket) as address:
            connection.connect(address)
    except PermissionError:
        raise PermissionDenied(
            f"This user may not administer the server of {data.path}.",
            hint="run it as the server's user or as root",
        ) from None
    except OSError:
        raise ServerNotRunning(f"No server is running on {data.path}.") from None


def _first_frame(connection: socket.socket) -> bytes:
    frames = FrameReader(MAX_FRAME_BYTES)
    while data := connection.recv(_PIECE):
        if bodies := frames.feed(data):
            return bodies[0]
    raise ConnectionResetError
