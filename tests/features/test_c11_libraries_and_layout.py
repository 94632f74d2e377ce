"""Row C11: the libraries that are relied on, and where things lie."""

import tomllib

import pytest
from packaging.requirements import Requirement

from tests.architecture.import_rules import imports
from tests.architecture.source import ROOT, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_c11_the_libraries_are_required_and_used() -> None:
    required = {Requirement(line).name for line in PROJECT["dependencies"]}
    tested_with = {Requirement(line).name for line in PROJECT["optional-dependencies"]["dev"]}
    assert {"cryptography", "pynacl", "bcrypt"} <= required
    assert {"pytest", "trustme"} <= tested_with
    used = {name.partition(".")[0] for module in modules() for _, name in imports(module)}
    assert {"cryptography", "nacl", "bcrypt"} <= used
    used_by_tests = {name.partition(".")[0] for module in modules(ROOT, ("tests",)) for _, name in imports(module)}
    assert {"pytest", "trustme"} <= used_by_tests


@pytest.mark.parametrize(
    "path",
    [
        "secure_chat/",
        "certs/README.md",
        "tools/",
        "tests/",
        "pyproject.toml",
        "README.md",
        "SECURITY.md",
    ],
)
def test_c11_what_one_looks_for_is_where_one_looks(path: str) -> None:
    place = ROOT / path
    assert place.is_dir() if path.endswith("/") else place.is_file()
