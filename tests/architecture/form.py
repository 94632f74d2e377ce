"""The form of the house: sizes, names, comments that silence a check, locks without a tier, tests without a reason."""

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pathspec

from tests.architecture.source import Module, dotted_name, last_name

MAX_MODULE_LINES: Final = 450  # past it a module is about two things
MAX_TEST_MODULE_LINES: Final = 600  # cases are long lists, read one at a time
MAX_FUNCTION_LINES: Final = 70  # one screen
# Lists that are looked things up in, not read through.
LISTS: Final = ("secure_chat/errors.py", "secure_chat/limits.py")

NO_CONCEPT: Final = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})
SILENCING: Final = re.compile(r"#\s*(type:\s*ignore|noqa|nosec|pragma:\s*no|fmt:\s*(off|skip)|pyright:)", re.IGNORECASE)
UNFINISHED: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LOCKS: Final = frozenset({"threading.Lock", "threading.RLock", "threading.Condition"})
LEAVING_OUT: Final = frozenset(
    {"pytest.skip", "pytest.xfail", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
)
REASON_FIRST: Final = frozenset({"pytest.skip", "pytest.xfail", "pytest.mark.skip"})  # as their first argument
TIER: Final = re.compile(r"#.*\btier \d", re.IGNORECASE)

ENTRIES: Final = frozenset(
    ".ci .gitignore ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE Makefile PROTOCOL.md README.md SECURITY.md "
    "benchmarks certs docs pyproject.toml requirements-dev.txt requirements.txt secure_chat tests tools".split()
)
UNPACKED: Final = frozenset({".git", "PKG-INFO"})  # what git and a source archive add


def size_violations(modules: Iterable[Module]) -> Iterator[str]:
    """Modules and functions that are too long to be about one thing."""
    for module in modules:
        cap = MAX_TEST_MODULE_LINES if module.path.startswith("tests/") else MAX_MODULE_LINES
        lines = module.text.count("\n")
        if lines > cap and module.path not in LISTS:
            yield module.at(module.tree, f"{lines} lines, the cap is {cap}")
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    yield module.at(node, f"{node.name}() has {lines} lines, the cap is {MAX_FUNCTION_LINES}")


def name_violations(modules: Iterable[Module]) -> Iterator[str]:
    """Files and directories whose name means that a concept has not been found yet."""
    for module in modules:
        for part in module.path.removesuffix(".py").split("/"):
            if part in NO_CONCEPT:
                yield module.at(module.tree, f"{part!r} names no concept")


def comment_violations(modules: Iterable[Module]) -> Iterator[str]:
    """Comments that silence a check or put work off."""
    for module in modules:
        if not SILENCING.search(module.text) and not UNFINISHED.search(module.text):
            continue  # no comment can match either; cutting a file into tokens costs more than all other rules
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
            if token.type != tokenize.COMMENT:
                continue
            if SILENCING.search(token.string):
                yield f"{module.path}:{token.start[0]}: a check is answered, not silenced: {token.string}"
            if UNFINISHED.search(token.string):
                yield f"{module.path}:{token.start[0]}: unfinished work is an issue, not a comment: {token.string}"


def lock_violations(modules: Iterable[Module]) -> Iterator[str]:
    """Locks whose tier does not stand where they are made."""
    for module in modules:
        lines = module.text.splitlines()
        for node in module.nodes:
            if isinstance(node, ast.Call) and dotted_name(node.func) in LOCKS:
                last_line = lines[(node.end_lineno or node.lineno) - 1]
                above = itertools.takewhile(
                    lambda line: line.lstrip().startswith("#"), reversed(lines[: node.lineno - 1])
                )
                if not any(TIER.search(line) for line in (last_line, *above)):
                    yield module.at(node, "a lock says its tier where it is made: # tier N: what it guards")


def skipped_test_violations(modules: Iterable[Module]) -> Iterator[str]:
    """Tests that are left out, or expected to fail, without a reason."""
    for module in modules:
        called = {id(node.func) for node in module.nodes if isinstance(node, ast.Call)}
        for node in module.nodes:
            match node:
                case ast.Call(func=func, keywords=keywords, args=args) if dotted_name(func) in LEAVING_OUT:
                    told = any(keyword.arg == "reason" for keyword in keywords)
                    if not told and not (args and dotted_name(func) in REASON_FIRST):
                        yield module.at(node, f"{last_name(func)} without a reason")
                case ast.Attribute() if dotted_name(node) in LEAVING_OUT and id(node) not in called:
                    yield module.at(node, f"{last_name(node)} without a reason")


def entry_violations(root: Path) -> Iterator[str]:
    """Top-level entries that nobody knows."""
    ignored = pathspec.GitIgnoreSpec.from_lines((root / ".gitignore").read_text(encoding="utf-8").splitlines())
    present: set[str] = set()
    for path in root.iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        if path.name not in UNPACKED and not ignored.match_file(name):
            present.add(path.name)
    yield from (f"{name}: an unknown entry at the top" for name in sorted(present - ENTRIES))
