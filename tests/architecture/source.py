"""The project's source as the architecture rules see it: modules, their names, their syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("secure_chat", "tools/secure_chat_tools")
EVERYTHING = (*PRODUCT, "benchmarks", "tests")


@dataclass(frozen=True)
class Module:
    """One Python file below a root."""

    root: Path
    path: str  # relative to the root, with slashes
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the syntax tree; walked once, because every rule looks at all of them."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def name(self) -> str:
        """The dotted name under which the module is imported."""
        return self.path.removeprefix("tools/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def package(self) -> str:
        """The dotted name of the package that holds the module, itself where it is a package."""
        return self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]

    def at(self, node: ast.AST, sentence: str) -> str:
        """One violation, in the form that editors jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {sentence}"


def modules(root: Path = ROOT, below: tuple[str, ...] = PRODUCT) -> Iterator[Module]:
    """All Python files below `root`/`below`, in order of their paths."""
    for place in below:
        for path in sorted((root / place).rglob("*.py")):
            yield Module(root, path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


@cache
def project() -> tuple[Module, ...]:
    """The whole project, read and parsed once for all rules."""
    return tuple(modules(ROOT, EVERYTHING))


def last_name(node: ast.AST) -> str:
    """The identifier that an expression ends in: `token` for `invite.token`; "" where there is none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def dotted_name(node: ast.AST) -> str:
    """`os.path.join` for that expression; "" for anything but names joined by dots."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            owner = dotted_name(value)
            return f"{owner}.{name}" if owner else ""
        case _:
            return ""
