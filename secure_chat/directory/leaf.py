"""One row of the append-only table of device lists and account changes: row i is leaf i of the key log."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from secure_chat.directory.device_list import DIGEST_BYTES, FIRST_VERSION, NO_PREVIOUS
from secure_chat.directory.keys import USER_ID_BYTES, UserId
from secure_chat.encoding import Reader, Writer
from secure_chat.errors import EncodingError
from secure_chat.limits import MAX_NAME_BYTES


class LeafType(IntEnum):
    """What happened to an account."""

    IDENTITY = 1  # a device list under an identity key that is new to the account
    DEVICE_LIST = 2  # a further device list under the same identity key
    DISABLE = 3
    DELETE = 4
    ENABLE = 5


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf: 65 bytes and the name. Of a change of the account: version and digest of its newest device list."""

    type: LeafType
    user_id: UserId
    name: str  # in its mapped form
    version: int  # of the device list, from 1
    digest: bytes  # 32 bytes: DLH of the signed device list
    time: int  # milliseconds since 1970 UTC: when the server accepted it

    def encode(self) -> bytes:
        """The bytes of the leaf. Raises `EncodingError` for a leaf that no reader would take."""
        self._check_shape()
        writer = Writer().u8(self.type).identifier(self.user_id, USER_ID_BYTES).text(self.name)
        return writer.u32(self.version).fixed(self.digest, DIGEST_BYTES).u64(self.time).finish()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one leaf. Raises `EncodingError`."""
        reader = Reader(data)
        leaf = cls(
            type=_checked_type(reader.u8()),
            user_id=UserId(reader.identifier(USER_ID_BYTES)),
            name=reader.text(MAX_NAME_BYTES),
            version=reader.u32(),
            digest=reader.fixed(DIGEST_BYTES),
            time=reader.u64(),
        )
        reader.end()
        leaf._check_shape()
        return leaf

    def _check_shape(self) -> None:
        if not 1 <= len(self.name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES:
            raise EncodingError("The name in a leaf is empty or too long.")
        if self.version < FIRST_VERSION:
            raise EncodingError("The versions of a device list begin at 1.")
        if self.digest == NO_PREVIOUS:
            raise EncodingError("The digest of a device list is never all zero.")


def _checked_type(number: int) -> LeafType:
    try:
        return LeafType(number)
    except ValueError as error:
        raise EncodingError(f"No leaf has type {number}.") from error
