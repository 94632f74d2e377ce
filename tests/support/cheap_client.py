"""The client's program as it is, but that a guess at a passphrase costs next to nothing: tests log in often.

What the real costs are, and that they are used, tests of the vault and of the login hold; the first conversation and
the demonstration run the unaltered program. Started by its path, and imported for what it changes. What it makes only
it opens: to the program a vault below the floor is an altered one.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
CHEAP: Final = Cost(limits.MIN_VAULT_ARGON2_OPS, limits.MIN_VAULT_ARGON2_MEMORY_KIB)  # any program opens these vaults
CHEAP_LOGIN: Final = (
    LoginKdf(row=1, operations=1, memory_bytes=8 * 1024 * 1024, lanes=1, output_bytes=LOGIN_SECRET_BYTES),
)
_LOWER_BOUNDS: Final[Mapping[str, object]] = {"MIN_VAULT_ARGON2_OPS": 1, "MIN_VAULT_ARGON2_MEMORY_KIB": 1024}


def below_the_floor() -> Cost:
    """The cost of this program's vaults; can be made and opened where `vaults_below_the_floor` holds."""
    return Cost(1, 1024)


@contextmanager
def vaults_below_the_floor() -> Iterator[None]:
    """In this block, this process makes and opens vaults as this program does."""
    with ExitStack() as stack:
        for name, bound in _LOWER_BOUNDS.items():
            stack.callback(vars(limits).__setitem__, name, vars(limits)[name])
            vars(limits)[name] = bound
        yield


def cheapen() -> None:
    """Change the costs of this process. Others take the vault's as they are loaded: nothing of them may be yet."""
    loaded = {"core", "profiles", "passphrase_change", "vault.vault"} & {
        name.removeprefix("secure_chat.client.") for name in sys.modules
    }
    assert not loaded, f"too late for {loaded}"
    vars(limits).update(_LOWER_BOUNDS)
    vars(wraps)["DEFAULT_COST"] = below_the_floor()
    vars(authentication)["LOGIN_KDF"] = CHEAP_LOGIN  # the table is the client's own, and no server can tell


if __name__ == "__main__":
    cheapen()
    sys.exit(main())
