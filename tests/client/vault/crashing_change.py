"""A process that changes the passphrase of a vault and dies at a COMMIT; run by test_passphrase_change.py.

Arguments: the vault's directory, "before" or "after", the number of the COMMIT, and how the change ends. Prints a line
for each step that was reported as done.
"""

import sys
from pathlib import Path

from tests.client.vault.faults import dying
from tests.client.vault.vaults import FLOOR, PASSPHRASE, open_vault

NEW_PASSPHRASE = "a new passphrase"


def main(directory: str, where: str, at: str, end: str) -> None:
    with open_vault(Path(directory), factory=dying(where, int(at))) as vault:
        vault.begin_passphrase_change(PASSPHRASE, NEW_PASSPHRASE, cost=FLOOR)
        print("begun", flush=True)
        if end == "finish":
            vault.finish_passphrase_change()
        elif end == "abandon":
            vault.abandon_passphrase_change()
        print(end, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
