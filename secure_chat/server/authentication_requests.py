"""What the authentication pool may be asked: the kinds of requests, made by handlers on the I/O threads.

`cost` and `registration` are the settings that were live when the request came.
"""

from typing import TypeAlias

import msgspec

from secure_chat.protocol.commands import InviteQuery, Login, PassphraseChange, Recover, Register
from secure_chat.server.items import AuthenticationRequest
from secure_chat.server.session import LimitedSession, Session


class Binding(msgspec.Struct, frozen=True, gc=False):
    """What a device's signature at login covers, besides whose device it is."""

    server_id: bytes  # 32
    nonce: bytes  # 32, of this connection's hello
    leaf_hash: bytes  # 32, of the certificate that this connection was served


class CheckInvite(AuthenticationRequest, frozen=True, gc=False):
    """What is this invite for?"""

    command: InviteQuery


class CheckLogin(AuthenticationRequest, frozen=True, gc=False):
    """Is this the passphrase, and is this the device?"""

    command: Login
    binding: Binding
    cost: int


class CheckRegistration(AuthenticationRequest, frozen=True, gc=False):
    """May this account come to be, as far as anybody but the journal can know?"""

    command: Register
    binding: Binding
    cost: int
    registration: str  # closed, invite, open


class CheckRecovery(AuthenticationRequest, frozen=True, gc=False):
    """May this device take the place of the account's others? `limited`: who logged in on this connection before."""

    command: Recover
    binding: Binding
    cost: int
    limited: LimitedSession | None


class CheckPassphraseChange(AuthenticationRequest, frozen=True, gc=False):
    """Is the old secret right?"""

    command: PassphraseChange
    cost: int
    session: Session


AnyAuthenticationRequest: TypeAlias = (
    CheckInvite | CheckLogin | CheckRegistration | CheckRecovery | CheckPassphraseChange
)
