"""docs/settings.md, made from the table of settings; `python -m tests.documents.settings_page` writes it anew."""

from pathlib import Path
from typing import Final

from msgspec import Meta

from secure_chat.server.settings.model import SETTINGS, Setting
from secure_chat.server.settings.sources import CONFIG_VARIABLE, ENVIRONMENT_PREFIX

PAGE: Final = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD: Final = f"""\
# Settings of the server

A setting has one name everywhere. In the file, which is TOML, `listen.port` is the key `port` of the table `[listen]`;
in the environment it is `{ENVIRONMENT_PREFIX}LISTEN_PORT`; as an argument it is `--set listen.port=7443`, and
the common ones have flags of their own (`secure-chat-server run --help`).

A flag wins over the environment, the environment over the user's file, that over the system's, and that over the
default. The user's file is the one that `--config` or `{CONFIG_VARIABLE}` names (then the system's is not
read), else `secure-chat.toml` in the directory that `--data` names, else
`$XDG_CONFIG_HOME/secure-chat/secure-chat.toml`. The system's file is `/etc/secure-chat/secure-chat.toml`. Relative
paths in a file begin at the file's directory.

A key that nobody knows, and a value that does not fit, are refused, with file and line. `secure-chat-server
check-config --origin` shows what is in force and who said so.

`secure-chat-server reload`, or SIGHUP, reads everything again, the certificate included, and takes over all live
settings or, when anything is wrong, none. The others wait for the next start, and the command names those that do.

| setting | value | default | live | what it is |
|---|---|---|---|---|
"""


def page_text() -> str:
    """The whole page."""
    return _HEAD + "".join(_row(row) for row in SETTINGS)


def _row(row: Setting) -> str:
    live = "live" if row.live else "restart"
    return f"| `{row.key}` | {_values(row)} | {_default(row)} | {live} | {row.sentence} |\n"


def _values(row: Setting) -> str:
    if row.choices:
        return ", ".join(f"`{choice}`" for choice in row.choices)
    kind = row.kind.__origin__
    meta = next(part for part in row.kind.__metadata__ if isinstance(part, Meta))
    name = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text"}.get(kind, "path")
    low, high = meta.ge if meta.ge is not None else meta.gt, meta.le
    if low is None or high is None:
        return name
    return f"{name}, {'above ' if meta.ge is None else ''}{_number(low)} to {_number(high)}"


def _default(row: Setting) -> str:
    if row.key == "data":
        return "`$XDG_DATA_HOME/secure-chat-server`"
    if row.default is None:
        return "`certs` in the data directory"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    return f"`{row.default}`" if isinstance(row.default, str) else _number(row.default)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(page_text(), encoding="utf-8")
