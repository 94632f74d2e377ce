"""The client's program as it is, but that a guess at a passphrase costs little: Argon2id at the floor of its bounds.

What the real costs are, and that they are used, tests of the vault and of the login hold; the first conversation and
the demonstration run the unaltered program. Started by its path, and imported for what it changes.
"""

import sys
from pathlib import Path
from typing import Final

from secure_chat import limits
from secure_chat.client.main import main
from secure_chat.client.vault import wraps
from secure_chat.client.vault.wraps import Cost
from secure_chat.protocol import authentication
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES, LoginKdf

# -P: the directory of this file is not a place for modules.
CHEAP_CLIENT: Final = (sys.executable, "-P", str(Path(__file__).resolve()))
CHEAP: Final = Cost(limits.MIN_VAULT_ARGON2_OPS, limits.MIN_VAULT_ARGON2_MEMORY_KIB)
CHEAP_LOGIN: Final = (
    LoginKdf(row=1, operations=1, memory_bytes=8 * 1024 * 1024, lanes=1, output_bytes=LOGIN_SECRET_BYTES),
)


def cheapen() -> None:
    """Change the costs of this process. Others take the vault's as they are loaded: nothing of them may be yet."""
    loaded = {"core", "profiles", "passphrase_change", "vault.vault"} & {
        name.removeprefix("secure_chat.client.") for name in sys.modules
    }
    assert not loaded, f"too late for {loaded}"
    vars(wraps)["DEFAULT_COST"] = CHEAP
    vars(authentication)["LOGIN_KDF"] = CHEAP_LOGIN  # the table is the client's own, and no server can tell


if __name__ == "__main__":
    cheapen()
    sys.exit(main())
