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


# --- the wire ------------------------------------------------------------------------------------


class FrameTooLarge(ChatError):
    """A frame is larger than the limit."""

    code = "frame.too_large"


class FrameInvalid(ChatError):
    """A frame that is none."""

    code = "frame.invalid"


class CommandInvalid(ChatError):
    """A request that is not of this protocol."""

    code = "command.invalid"


class NotNow(ChatError):
    """This request is not possible now."""

    code = "command.not_now"


class PermissionDenied(ChatError):
    """This is not allowed."""

    code = "permission.denied"


class RateLimited(ChatError):
    """Slow down."""

    code = "rate.limited"


class Busy(ChatError):
    """The server has more to do than it can; try again."""

    code = "busy"


class TlsAbuse(ChatError):
    """TLS records without end and without content."""

    code = "tls.abuse"


class SlowReader(ChatError):
    """Nothing was read from this connection for too long."""

    code = "slow.reader"


class Deadline(ChatError):
    """This took too long."""

    code = "deadline.passed"


# --- accounts and sessions -----------------------------------------------------------------------


class AuthenticationFailed(ChatError):
    """User name or passphrase is wrong."""

    code = "auth.failed"


class DeviceSignatureInvalid(ChatError):
    """The device's signature does not fit this connection."""

    code = "auth.signature"


class DeviceElsewhere(ChatError):
    """This account's keys are on another device."""

    code = "device.elsewhere"
    hint = "recovery key: secure-chat login --recovery; without it an administrator can reset the account"


class TokenUnknown(ChatError):
    """This session has ended."""

    code = "auth.token_unknown"
    hint = "log in: secure-chat login"


class TokenReused(ChatError):
    """A resume token was used after its successor; all sessions of this device have ended."""

    code = "auth.token_reused"
    hint = "log in: secure-chat login; if this was not you, change your passphrase"


class RegistrationClosed(ChatError):
    """Registration is closed on this server."""

    code = "registration.closed"
    hint = "ask the administrator for an invite"


class InviteUnknown(ChatError):
    """The server does not know this invite."""

    code = "invite.unknown"
    hint = "ask for a new one"


class InviteUsed(ChatError):
    """This invite was used before."""

    code = "invite.used"
    hint = "if it was you, log in: secure-chat login; otherwise ask for a new one"


class InviteExpired(ChatError):
    """This invite has expired."""

    code = "invite.expired"
    hint = "ask for a new one"


class InviteBound(ChatError):
    """This invite is for another name."""

    code = "invite.bound"


class UserUnknown(ChatError):
    """There is no such user."""

    code = "user.unknown"


# --- rooms ---------------------------------------------------------------------------------------


class RoomUnknown(ChatError):
    """There is no such room."""

    code = "room.unknown"


class RoomExists(ChatError):
    """This room exists already."""

    code = "room.exists"


class NotMember(ChatError):
    """Not a member of this room."""

    code = "room.not_member"
    hint = "join it first: /join ROOM"


class RoomLimit(ChatError):
    """More rooms than one account may have."""

    code = "room.limit"


class ClientIdReused(ChatError):
    """The same client id came before with another content."""

    code = "message.id_reused"


# --- storage -------------------------------------------------------------------------------------


class StorageFull(ChatError):
    """The server's disk is full; nothing was stored."""

    code = "storage.full"


class StorageFailed(ChatError):
    """The server's storage has failed; nothing was stored."""

    code = "storage.failed"
