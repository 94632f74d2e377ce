"""A typed table of the vault: its name, the record it holds, and how old forms of the record are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Generic, TypeVar

import msgspec

from secure_chat.errors import VaultDamaged, VaultVersion

Record = TypeVar("Record")

SELF: Final = "self"  # the row id of a table that has one row


@dataclass(frozen=True, slots=True)
class Table(Generic[Record]):
    """Records of one type under one name.

    `record` is a frozen dataclass or a msgspec struct. When its form changes, `schema` rises by one and `earlier` maps
    each older schema to the function that reads it.
    """

    name: str
    record: type[Record]
    schema: int = 1
    earlier: Mapping[int, Callable[[bytes], Record]] = field(default_factory=lambda: MappingProxyType({}))

    def encode(self, record: Record) -> bytes:
        """MessagePack of a record."""
        return msgspec.msgpack.encode(record)

    def decode(self, data: bytes, schema: int) -> Record:
        """Read a record that was written under `schema`. Raises `VaultVersion` or `VaultDamaged`."""
        if schema > self.schema:
            raise VaultVersion
        if schema != self.schema and schema not in self.earlier:
            raise VaultDamaged(f"A row of {self.name} has a form that was never written.")
        try:
            return self.earlier[schema](data) if schema != self.schema else self._decode(data)
        except (msgspec.MsgspecError, ValueError) as error:
            raise VaultDamaged(f"A row of {self.name} cannot be read.") from error

    def _decode(self, data: bytes) -> Record:
        return msgspec.msgpack.decode(data, type=self.record)
