"""Who may import whom: imports point down, and what is pure touches no socket, disk, clock, thread or chance."""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from tests.architecture.source import Module, dotted_name, last_name

FOUNDATIONS: Final = (
    "errors",
    "exit_codes",
    "names",
    "limits",
    "sanitize",
    "data",
    "encoding",
    "certificates",
    "programs",
)
SETTINGS: Final = "secure_chat.server.settings"

# Every layer, and the layers that it may import besides the foundations and itself.
LAYERS: Final = {
    "foundations": (),
    "directory": (),
    "protocol": ("directory",),
    "e2ee": ("directory", "protocol"),
    "storage": ("directory", "protocol"),
    "server": ("directory", "protocol", "storage"),
    "client": ("directory", "protocol", "e2ee"),
    "tools": ("directory", "protocol", "storage", SETTINGS),
}
PURE: Final = ("directory", "protocol", "e2ee")

# What a pure layer must not import: sockets, disks, clocks, threads, processes, chance.
IMPURE: Final = frozenset(
    "asyncio concurrent ctypes fcntl fileinput glob http importlib io logging mmap multiprocessing os pathlib platform "
    "queue random sched secrets select selectors shutil signal socket socketserver sqlalchemy sqlite3 ssl subprocess "
    "sys syslog tempfile threading time urllib uuid".split()
)
IMPURE_CALLS: Final = frozenset({"open", "print", "input", "exec", "eval"})
CLOCK_CALLS: Final = frozenset({"now", "utcnow", "today", "fromtimestamp"})
# Methods and functions of the cryptographic libraries that draw randomness themselves; `generate(random)` is told it.
CHANCE_CALLS: Final = frozenset({"generate_key", "generate_private_key", "randombytes", "token_bytes"})


def layer(name: str) -> str | None:
    """The layer of a module by its dotted name; None for what is not ours, "unknown" where ours has no layer."""
    first, *rest = name.split(".")
    if first == "secure_chat_tools":
        return "tools"
    if first != "secure_chat":
        return None
    if not rest or rest[0] in FOUNDATIONS or rest == ["__version__"]:
        return "foundations"
    return rest[0] if rest[0] in LAYERS else "unknown"


def violations(modules: Iterable[Module]) -> list[str]:
    """Every import and call that breaks the rules, one sentence each."""
    found: list[str] = []
    for module in modules:
        home = layer(module.name)
        if home is None:
            continue
        if home == "unknown":
            found.append(module.at(module.tree, f"{module.name} belongs to no layer of ARCHITECTURE.md"))
            continue
        found += (module.at(node, text) for node, text in _wrong_imports(module, home))
        if home in PURE:
            found += (module.at(node, f"{home} is pure: {text}") for node, text in _impurities(module))
    return found


def imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every import of a module: where, and the dotted name of what it reaches for."""
    for node in module.nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=origin, names=names, level=0):
                yield from ((node, f"{origin}.{alias.name}") for alias in names)
            case ast.ImportFrom(module=origin, names=names, level=level):
                above = module.package.split(".")
                base = ".".join([*above[: len(above) - level + 1], *filter(None, [origin])])
                yield from ((node, f"{base}.{alias.name}") for alias in names)
            case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]) if _imports_by_name(func):
                yield node, name
            case ast.Call(func=func) if _imports_by_name(func):
                yield node, "?"  # decided at run time


def _imports_by_name(func: ast.expr) -> bool:
    return last_name(func) in {"import_module", "__import__"}


def _wrong_imports(module: Module, home: str) -> Iterator[tuple[ast.AST, str]]:
    for node, name in imports(module):
        target = layer(name)
        if name == "?":
            yield node, "an import whose name is not written out cannot be checked"
        elif name.endswith(".*"):
            yield node, f"{name}: a star hides what is imported"
        elif target is None or target in ("foundations", home) or target in LAYERS[home]:
            continue
        elif not any(name == allowed or name.startswith(f"{allowed}.") for allowed in LAYERS[home]):
            yield node, f"{home} must not import {name} ({target})"


def _impurities(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for node, name in imports(module):
        if name.split(".")[0] in IMPURE:
            yield node, f"no import of {name}"
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        called = dotted_name(node.func) or last_name(node.func)
        owner, _, method = called.rpartition(".")
        if not owner and method in IMPURE_CALLS:
            yield node, f"no call of {called}()"
        elif owner.split(".")[-1] in {"datetime", "date"} and method in CLOCK_CALLS:
            yield node, f"no clock: {called}(); the time is an argument"
        elif method in CHANCE_CALLS or called.endswith("utils.random") or (method == "generate" and not node.args):
            yield node, f"no chance: {called}(); randomness is an argument"
