"""Structs whose values never show: a log line or a traceback must not carry a key or a text away."""

import msgspec


class Hidden(msgspec.Struct, frozen=True):
    """An immutable struct that shows its name alone."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
