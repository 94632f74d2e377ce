"""The README's first conversation: its blocks and what the terminals showed, what differs each time evened out."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests" / "golden"

# What is another one each time, and what stands for it.
LINK: Final = "secure-chat://localhost:7443/j#1.…"
_EVENED_OUT: Final = (
    (re.compile(r"secure-chat://localhost:\d+/j#1[\w.…-]+"), LINK),
    (re.compile(r"\b(?:[A-Z2-7]{4}-){6}[A-Z2-7]{2}\b"), "K7QF-2M9X-…"),  # a pin
    (re.compile(r"\b(?:[A-Z2-7]{4}-){13}[A-Z2-7]{4}\b"), "ABCD-EFGH-…"),  # a recovery key
    (re.compile(r"\b(localhost|127\.0\.0\.1):\d+\b"), r"\1:7443"),
    (re.compile(r"\bpid=\d+\b"), "pid=4711"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b"), "2026-05-03 10:02"),
    (re.compile(r"^\d\d:\d\d (?=[#\[])", re.MULTILINE), "10:02 "),
    (re.compile(r"\bnew since \d\d:\d\d$", re.MULTILINE), "new since 10:02"),
)
_DAY: Final = re.compile(r"^--- \w+day, .* ---$")  # stands on the screen when midnight came in between
_BLOCK: Final = re.compile(r"<!-- (?P<name>\w+): .*?-->\n```console\n(?P<text>.*?)```\n", re.DOTALL)


def evened_out(text: str) -> str:
    """`text` as it is the same each time."""
    for pattern, replacement in _EVENED_OUT:
        text = pattern.sub(replacement, text)
    lines = [line.rstrip() for line in text.splitlines() if not _DAY.match(line)]
    return "\n".join(lines).strip("\n") + "\n"


def blocks_of_readme() -> dict[str, str]:
    """The terminals that the README shows, by the name in the comment above each."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return {match["name"]: match["text"] for match in _BLOCK.finditer(readme)}


def golden(name: str) -> str:
    """What a terminal is to show."""
    return (GOLDEN / f"first_conversation_{name}.txt").read_text(encoding="utf-8")
