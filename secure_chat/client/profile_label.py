"""The part of a profile that lies unsealed beside its vault: what a list shows before any passphrase is typed.

It is untrusted input: whoever can write to the disk can change it. Nothing is ever sent because of it; the vault holds
the same facts sealed, and those are used.
"""

from enum import Enum
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from secure_chat import limits
from secure_chat.certificates.hosts import canonical_host, host_and_port
from secure_chat.certificates.pins import AUTHORITY_BYTES, LOG_KEY_BYTES
from secure_chat.client.vault.location import check_private_file, disk_error, write_private_file
from secure_chat.client.vault.records import Account
from secure_chat.errors import HostInvalid, VaultDamaged
from secure_chat.protocol.authentication import SERVER_ID_BYTES

LABEL_NAME: Final = "profile.json"


class ProfileState(Enum):
    """How far the making of a profile has come."""

    PREPARED = "prepared"  # keys made, nothing sent
    SENT = "sent"  # the server may know this device
    COMPLETE = "complete"
    RETIRED = "retired"  # another profile of this account took its place


class ProfileLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The unsealed facts. Raises `VaultDamaged` when made of anything that no label ever held."""

    format: Literal[1] = 1
    state: ProfileState
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_NAME_CHARACTERS)]
    host: Annotated[str, msgspec.Meta(max_length=limits.MAX_HOST_CHARACTERS)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    authority: bytes  # 33
    server_id: bytes  # 32
    log_key: bytes  # 32

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if not self.name.isprintable() or "@" in self.name or _canonical(self.host) != self.host:
            raise VaultDamaged("A profile's label names nobody.")
        widths = (len(self.authority), len(self.server_id), len(self.log_key))
        if widths != (AUTHORITY_BYTES, SERVER_ID_BYTES, LOG_KEY_BYTES):
            raise VaultDamaged("A profile's label has keys that are none.")

    @classmethod
    def of(cls, account: Account, state: ProfileState) -> "ProfileLabel":
        """The label that belongs to a vault."""
        return cls(
            state=state,
            name=account.name,
            host=account.host,
            port=account.port,
            authority=account.authority,
            server_id=account.server_id,
            log_key=account.log_key,
        )

    @property
    def title(self) -> str:
        """`USER@HOST`, with the port where it is not the usual one."""
        address = host_and_port(self.host, self.port)
        return f"{self.name}@{address.removesuffix(f':{limits.DEFAULT_PORT}')}"


def read_label(directory: Path) -> ProfileLabel:
    """The label in a profile's directory.

    Raises `VaultMissing` when there is none, `VaultDamaged` when it cannot be read, and for a label that is open to
    others, foreign or a link what `check_private_file` raises.
    """
    path = directory / LABEL_NAME
    check_private_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(limits.MAX_PROFILE_LABEL_BYTES + 1)
    except OSError as error:
        raise disk_error(error) from error
    if len(data) > limits.MAX_PROFILE_LABEL_BYTES:
        raise VaultDamaged(f"{path} is no label of a profile.")
    try:
        return msgspec.json.decode(data, type=ProfileLabel)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise VaultDamaged(f"{path} cannot be read.") from error


def write_label(directory: Path, label: ProfileLabel) -> None:
    """Put a label in place of the one there, durably. Raises `VaultFull` or `VaultFailed`."""
    write_private_file(directory / LABEL_NAME, msgspec.json.encode(label))


def _canonical(host: str) -> str | None:
    try:
        return canonical_host(host)
    except HostInvalid:
        return None
