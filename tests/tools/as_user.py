"""Run a program of this project as another user of the machine: `python -m tests.tools.as_user UID MODULE ARGUMENT...`.

Everything is loaded before the change, for that user may be unable to read this checkout and its interpreter.
"""

import importlib
import os
import pkgutil
import sys

from secure_chat import names

PACKAGES = ("secure_chat.certificates", "secure_chat.protocol", "secure_chat.server", "secure_chat.storage")
LATER = (
    "encodings.idna",
    "precis_i18n",
    "wcwidth",
    "secure_chat_tools.admin.commands",
    "secure_chat_tools.admin.wording",
)


def main() -> int:
    """Become that user for good, then run the module's `main`."""
    user, module, *arguments = sys.argv[1:]
    program = importlib.import_module(module)
    for package in map(importlib.import_module, PACKAGES):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in found.name:  # these are run, not imported
                importlib.import_module(found.name)
    for name in LATER:
        importlib.import_module(name)
    names.load_tables()
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
    ended: int = program.main(arguments)
    return ended


if __name__ == "__main__":
    sys.exit(main())
