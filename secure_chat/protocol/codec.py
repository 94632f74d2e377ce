"""Between frame bodies and typed structs: MessagePack, strict towards requests, lenient towards later servers."""

from struct import Struct
from typing import Final

import msgspec

from secure_chat.errors import CommandInvalid, FrameTooLarge
from secure_chat.limits import MAX_FRAME_BYTES, MAX_SMALL_REQUEST_BYTES
from secure_chat.protocol.commands import LARGE_COMMANDS, AnyCommand, Command
from secure_chat.protocol.events import AnySaid, Said
from secure_chat.protocol.frames import frame

_encode: Final = msgspec.msgpack.Encoder().encode
_length: Final = Struct(">I").pack  # as `frame` puts it before a body, without the call
_commands: Final[msgspec.msgpack.Decoder[AnyCommand]] = msgspec.msgpack.Decoder(AnyCommand)
_said: Final[msgspec.msgpack.Decoder[AnySaid]] = msgspec.msgpack.Decoder(AnySaid)


def encode(value: Command | Said) -> bytes:
    """One whole frame, length included. Raises `FrameTooLarge`."""
    body = _encode(value)  # never empty
    return _length(len(body)) + body if len(body) <= MAX_FRAME_BYTES else frame(body)


def decode_command(body: bytes) -> AnyCommand:
    """The command in a frame's body. Raises `CommandInvalid`; `FrameTooLarge` for a small request above its limit."""
    try:
        command = _commands.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CommandInvalid(f"Not a command of this protocol: {_reason(error)}.") from None
    if len(body) > MAX_SMALL_REQUEST_BYTES and type(command) not in LARGE_COMMANDS:
        raise FrameTooLarge(f"A request of {len(body):,} bytes, the limit is {MAX_SMALL_REQUEST_BYTES:,} for this one.")
    return command


def decode_said(body: bytes) -> AnySaid:
    """What a server said. Raises `CommandInvalid`; a type from a later version is one."""
    try:
        return _said.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CommandInvalid(f"Not a reply of this protocol: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
