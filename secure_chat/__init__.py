"""The package: a chat server for teams whose direct messages it cannot read."""

from typing import Final

__version__: Final = "0.1.0"
