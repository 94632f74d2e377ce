"""Everything a person or an operator may be told: one small tree, each error with a stable code."""

from typing import ClassVar


class ChatError(Exception):
    """Anything a person or an operator may be told.

    `code` is the only promise: scripts and clients compare it, never the sentence. `hint` names the
    next step; `retry_after` is in seconds and None where waiting does not help.
    """

    code: ClassVar[str] = "internal"
    hint: ClassVar[str] = ""

    def __init__(self, sentence: str = "", *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(sentence or (type(self).__doc__ or "").strip().splitlines()[0])
        self.sentence = str(self)
        self.next_step = self.hint if hint is None else hint
        self.retry_after = retry_after


class InternalError(ChatError):
    """Something went wrong on the server; the log names it."""

    code = "internal"


# --- encodings and public keys -------------------------------------------------------------------


class EncodingError(ChatError):
    """Bytes that are not a valid encoding."""

    code = "encoding.invalid"


class SignatureError(ChatError):
    """A signature that does not verify."""

    code = "signature.invalid"


class DeviceListError(ChatError):
    """A device list that breaks a rule of device lists."""

    code = "device_list.invalid"


class PrekeyError(ChatError):
    """A prekey that breaks a rule of prekeys."""

    code = "prekey.invalid"


# --- names and texts -----------------------------------------------------------------------------


class NameInvalid(ChatError):
    """This name cannot be used."""

    code = "name.invalid"


class NameTaken(ChatError):
    """This name is taken."""

    code = "name.taken"
    hint = "choose another name"


class RoomNameInvalid(ChatError):
    """A room's name is 1 to 32 of a-z 0-9 - _."""

    code = "room.name_invalid"


class MessageTooLong(ChatError):
    """The message is longer than the limit."""

    code = "message.too_long"
    hint = "shorten it or send it in two parts"


class MessageEmpty(ChatError):
    """Nothing is left of this message to show."""

    code = "message.empty"


# --- certificates and links ----------------------------------------------------------------------


class CertificateError(ChatError):
    """A certificate or key that cannot be used."""

    code = "certificate.invalid"


class LinkInvalid(ChatError):
    """This is not a link of secure_chat."""

    code = "link.invalid"
    hint = "paste the whole line that begins with secure-chat://"
