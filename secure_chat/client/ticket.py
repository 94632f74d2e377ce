"""The number of one call on the client: what the call leads to bears it."""

from typing import NewType

Ticket = NewType("Ticket", int)
