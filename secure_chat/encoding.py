"""Bytes that are signed or hashed: fixed-width writer and strict reader, domain tags, base32 and base64.

PROTOCOL.md 5: integers are big-endian and unsigned; fields of a fixed width stand bare; a `str` is a u32
length in bytes and UTF-8; a list is a u8 count and its entries; a time is a u64 of milliseconds since 1970 UTC; an
identifier is never all zero, except where zeros mean "none". Each value has exactly one encoding: what would not be
written the same again is refused.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple, Self

from secure_chat.errors import EncodingError

LABEL: Final = b"secure_chat/e2ee/1 "  # 19 bytes; the first part of every tag

_BASE32_GROUP: Final = 4  # characters; what an eye compares in one step
_MISREAD: Final = str.maketrans(
    "018", "OIB"
)  # digits outside the base32 alphabet, and the letters they are copied from
_SPACES_AND_DASHES: Final = str.maketrans("", "", " -\t\r\n")


def tag(name: str) -> bytes:
    """The domain tag T(name): `LABEL || name || 0x00`.

    `name` is printable ASCII without a zero byte, so that no two tags are prefixes of each other.
    """
    if not name or not name.isascii() or not name.isprintable():
        raise EncodingError(f"{name!r} cannot be a tag.")
    return LABEL + name.encode("ascii") + b"\x00"


def packed(layout: struct.Struct, *values: int | bytes) -> bytes:
    """Fields of fixed widths in one step. Raises `EncodingError` for a value that does not fit its field exactly.

    `struct` itself cuts and fills bytes that are of another width.
    """
    try:
        data = layout.pack(*values)
    except struct.error as error:
        raise EncodingError("A value does not fit its field.") from error
    if layout.unpack(data) != values:
        raise EncodingError("A field was given bytes of another width.")
    return data


class Writer:
    """Write fields one after another; `finish` returns the bytes.

    Every method checks that the value fits its field and raises `EncodingError` otherwise.
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def u8(self, value: int) -> Self:
        """One byte."""
        return self._unsigned(value, 1)

    def u32(self, value: int) -> Self:
        """Four bytes."""
        return self._unsigned(value, 4)

    def u64(self, value: int) -> Self:
        """Eight bytes; times too, in milliseconds since 1970 UTC."""
        return self._unsigned(value, 8)

    def fixed(self, value: bytes, width: int) -> Self:
        """Exactly `width` bytes, bare."""
        if len(value) != width:
            raise EncodingError(f"A field of {width} bytes was given {len(value)}.")
        self._parts.append(bytes(value))
        return self

    def identifier(self, value: bytes, width: int) -> Self:
        """Exactly `width` bytes that are not all zero."""
        _refuse_zero(value)
        return self.fixed(value, width)

    def identifier_or_none(self, value: bytes | None, width: int) -> Self:
        """An identifier, or zeros for None."""
        return self.fixed(bytes(width), width) if value is None else self.identifier(value, width)

    def text(self, value: str) -> Self:
        """A `str`: u32 length in bytes, then UTF-8."""
        try:
            data = value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise EncodingError("A text with a lone surrogate cannot be encoded.") from error
        self.u32(len(data))
        self._parts.append(data)
        return self

    def rest(self, value: bytes) -> Self:
        """A last field, whose end is the end of the encoding."""
        self._parts.append(bytes(value))
        return self

    def finish(self) -> bytes:
        """Everything written, as one string of bytes."""
        return b"".join(self._parts)

    def _unsigned(self, value: int, width: int) -> Self:
        try:
            self._parts.append(value.to_bytes(width, "big"))
        except OverflowError as error:
            raise EncodingError(f"{value} does not fit into {width} unsigned bytes.") from error
        return self


class Reader:
    """Read fields one after another; `end` must come last.

    Every method raises `EncodingError` when the bytes are not exactly such a field. A declared length is compared with
    what is there before anything is taken, so that it never costs memory.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._position

    def u8(self) -> int:
        """One byte."""
        return self._take(1)[0]

    def u32(self) -> int:
        """Four bytes."""
        return int.from_bytes(self._take(4), "big")

    def u64(self) -> int:
        """Eight bytes; times too, in milliseconds since 1970 UTC."""
        return int.from_bytes(self._take(8), "big")

    def fixed(self, width: int) -> bytes:
        """Exactly `width` bytes."""
        return self._take(width)

    def identifier(self, width: int) -> bytes:
        """Exactly `width` bytes that are not all zero."""
        value = self._take(width)
        _refuse_zero(value)
        return value

    def identifier_or_none(self, width: int) -> bytes | None:
        """An identifier, or None for zeros."""
        value = self._take(width)
        return value if any(value) else None

    def text(self, limit: int) -> str:
        """A `str` of at most `limit` bytes of UTF-8."""
        length = self.u32()
        if length > limit:
            raise EncodingError(f"A text of {length} bytes stands where at most {limit} are allowed.")
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise EncodingError("A text is not UTF-8.") from error

    def fields(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Fields of fixed widths in one step."""
        try:
            values = layout.unpack_from(self._data, self._position)
        except struct.error as error:
            raise EncodingError(f"Fields of {layout.size} bytes are cut off at {len(self._data)}.") from error
        self._position += layout.size
        return values

    def rest(self) -> bytes:
        """All that is left, perhaps nothing."""
        value = self._data[self._position :]
        self._position = len(self._data)
        return value

    def end(self) -> None:
        """Check that nothing follows."""
        if self._position != len(self._data):
            raise EncodingError(f"{len(self._data) - self._position} bytes follow the last field.")

    def _take(self, width: int) -> bytes:
        end = self._position + width
        if end > len(self._data):
            raise EncodingError(f"A field of {width} bytes is cut off at {len(self._data) - self._position}.")
        value = self._data[self._position : end]
        self._position = end
        return value


class Field(NamedTuple):
    """One field of a struct that is written as a table: how it is written and read, both with all its checks."""

    write: Callable[[Writer, Any], object]
    read: Callable[[Reader], Any]


_MOST: Final = 2**64 - 1  # the largest number that any field holds
U8: Final = Field(Writer.u8, Reader.u8)
U32: Final = Field(Writer.u32, Reader.u32)
U64: Final = Field(Writer.u64, Reader.u64)


def fixed_field(width: int) -> Field:
    """Bytes of one width."""
    return Field(lambda writer, value: writer.fixed(value, width), lambda reader: reader.fixed(width))


def identifier_field(width: int) -> Field:
    """Bytes of one width, not all zero."""
    return Field(lambda writer, value: writer.identifier(value, width), lambda reader: reader.identifier(width))


def optional_identifier_field(width: int) -> Field:
    """An identifier, or None, which is written as zeros."""
    return Field(
        lambda writer, value: writer.identifier_or_none(value, width), lambda reader: reader.identifier_or_none(width)
    )


def choice_field(*values: object, first: int = 0) -> Field:
    """One byte that stands for one of `values`; `first` for the first of them."""

    def read(reader: Reader) -> object:
        return values[checked_number(reader.u8(), first, first + len(values) - 1) - first]

    return Field(lambda writer, value: writer.u8(first + values.index(value)), read)


def number_field(field: Field, least: int) -> Field:
    """A number that is not below `least`."""
    return Field(
        lambda writer, value: field.write(writer, checked_number(value, least, _MOST)),
        lambda reader: checked_number(field.read(reader), least, _MOST),
    )


def wrapped_field(kind: Callable[[bytes], Any], width: int) -> Field:
    """Bytes of one width in a type of their own, which has them as `raw`: keys."""
    return Field(lambda writer, value: writer.fixed(value.raw, width), lambda reader: kind(reader.fixed(width)))


def text_field(most: int, least: int = 0) -> Field:
    """A `str` of `least` to `most` bytes of UTF-8."""

    def write(writer: Writer, value: str) -> None:
        checked_number(len(value.encode("utf-8", "surrogatepass")), least, most)
        writer.text(value)

    def read(reader: Reader) -> str:
        value = reader.text(most)
        checked_number(len(value.encode()), least, most)
        return value

    return Field(write, read)


def last_text_field(least: int, most: int) -> Field:
    """UTF-8 to the end, of `least` to `most` bytes."""

    def write(writer: Writer, value: str) -> None:
        data = Writer().text(value).finish()[4:]
        checked_number(len(data), least, most)
        writer.rest(data)

    def read(reader: Reader) -> str:
        data = reader.rest()
        checked_number(len(data), least, most)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EncodingError("A text is not UTF-8.") from error

    return Field(write, read)


def list_field(most: int, *layout: Field) -> Field:
    """A u8 count of 1 to `most`, and as many entries: tuples of what `layout` says, or its one field bare."""

    def write(writer: Writer, entries: tuple[Any, ...]) -> None:
        writer.u8(checked_number(len(entries), 1, most))
        for entry in entries:
            for field, value in zip(layout, entry if len(layout) > 1 else (entry,), strict=True):
                field.write(writer, value)

    def read(reader: Reader) -> tuple[Any, ...]:
        count = checked_number(reader.u8(), 1, most)
        entries = (tuple(field.read(reader) for field in layout) for _ in range(count))
        return tuple(entry if len(layout) > 1 else entry[0] for entry in entries)

    return Field(write, read)


def encode_fields(layout: tuple[Field, ...], *values: Any) -> bytes:
    """`enc(...)`: the values one after another. Raises `EncodingError`."""
    writer = Writer()
    for field, value in zip(layout, values, strict=True):
        field.write(writer, value)
    return writer.finish()


class Encoded:
    """A struct that is written and read field by field, as the table in `layout` says: a field for each attribute.

    For frozen data classes and msgspec structs alike.
    """

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]]
    layout: ClassVar[tuple[Field, ...]]

    def encode(self) -> bytes:
        """The bytes. Raises `EncodingError` for what no reader would take."""
        writer = Writer()
        self.write(writer)
        return writer.finish()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one. Raises `EncodingError`."""
        reader = Reader(data)
        value = cls.read(reader)
        reader.end()
        return value

    def write(self, writer: Writer) -> None:
        """Append it. Raises `EncodingError`."""
        self._check()
        for field, name in zip(self.layout, type(self).__match_args__, strict=True):
            field.write(writer, getattr(self, name))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one, perhaps not the last thing in `reader`. Raises `EncodingError`."""
        value = cls(*[field.read(reader) for field in cls.layout])
        value._check()
        return value

    def _check(self) -> None:
        """What must be true beyond the fields' own rules."""


def struct_field(struct: type[Encoded]) -> Field:
    """A struct within another one."""
    return Field(lambda writer, value: value.write(writer), struct.read)


def checked_number(number: int, least: int, most: int) -> int:
    """`number`, where it is within its bounds. Raises `EncodingError`."""
    if not least <= number <= most:
        raise EncodingError(f"{number} stands where {least} to {most} is allowed.")
    return number


def encode_base32(data: bytes) -> str:
    """`data` as base32 without padding, in groups of four: `K7QF-2M9X-…`. 16 bytes make 26 characters."""
    characters = base64.b32encode(data).decode("ascii").rstrip("=")
    return "-".join(characters[start : start + _BASE32_GROUP] for start in range(0, len(characters), _BASE32_GROUP))


def decode_base32(text: str, length: int) -> bytes:
    """The `length` bytes that a person copied from `encode_base32`.

    Case, spaces and dashes do not matter; the digits 0, 1 and 8, which base32 does not have, are read as O, I and B.
    Raises `EncodingError` for anything else, a wrong length and surplus bits included.
    """
    characters = text.translate(_SPACES_AND_DASHES).upper().translate(_MISREAD)
    if not characters.isascii() or len(characters) != -(-length * 8 // 5):
        raise EncodingError("This is not a code of the expected length.")
    try:
        data = base64.b32decode(characters + "=" * (-len(characters) % 8))
    except binascii.Error as error:
        raise EncodingError("This code has a character that such codes never have.") from error
    if encode_base32(data).replace("-", "") != characters:
        raise EncodingError("This code does not end as such codes do.")
    return data


def encode_base64url(data: bytes) -> str:
    """`data` as base64url (RFC 4648, section 5) without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decode_base64url(text: str, length: int | None = None) -> bytes:
    """The bytes of a canonical base64url text without padding, `length` of them where that is given.

    Python's decoder skips foreign characters and surplus bits; re-encoding and comparing refuses both.
    """
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are both of this kind
        raise EncodingError("This is not base64url.") from error
    if encode_base64url(data) != text:
        raise EncodingError("This is not canonical base64url without padding.")
    return _of_length(data, length)


def encode_base64(data: bytes) -> str:
    """`data` as standard base64 (RFC 4648, section 4) with padding. 32 bytes make 44 characters."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, length: int | None = None) -> bytes:
    """The bytes of a canonical standard base64 text with padding, `length` of them where that is given."""
    try:
        data = base64.b64decode(text.encode("ascii"))
    except ValueError as error:
        raise EncodingError("This is not base64.") from error
    if encode_base64(data) != text:
        raise EncodingError("This is not canonical base64 with padding.")
    return _of_length(data, length)


def _of_length(data: bytes, length: int | None) -> bytes:
    if length is not None and len(data) != length:
        raise EncodingError(f"{len(data)} bytes stand where {length} belong.")
    return data


def _refuse_zero(value: bytes) -> None:
    if not any(value):
        raise EncodingError("An identifier is all zero.")
