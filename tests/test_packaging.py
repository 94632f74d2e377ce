"""What is published: both packages with their data, and never a key, a certificate or a database."""

import configparser
import importlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from tests.architecture.source import PRODUCT, ROOT

COMMANDS = {"secure-chat", "secure-chat-server", "secure-chat-certs", "secure-chat-admin"}
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(["MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH" * 2] * 3) + "\n"
CERTIFICATE = PRIVATE_KEY.replace("PRIVATE KEY", "CERTIFICATE")
DATABASE = "SQLite format 3\0"

# Where a key, a certificate or a database may lie by mistake when somebody publishes.
PLANTED = {
    "certs/authority.key": PRIVATE_KEY,
    "certs/authority.pem": CERTIFICATE,
    "certs/server/server.key": PRIVATE_KEY,
    "certs/server.crt": CERTIFICATE,
    "certs/log-signing-key": PRIVATE_KEY,
    "certs/notes.md": PRIVATE_KEY,
    "var/chat.db": DATABASE,
    "var/chat.db-wal": DATABASE,
    "var/certs/server.key": PRIVATE_KEY,
    "var/log/app.log": "2026-01-01 INFO started",
    "log/app.log": "2026-01-01 INFO started",
    "authority.key": PRIVATE_KEY,
    "chat.db": DATABASE,
    "secret.txt": PRIVATE_KEY,
    "secure_chat/server.key": PRIVATE_KEY,
    "secure_chat/server/chat.db": DATABASE,
    "tools/secure_chat_tools/authority.pem": CERTIFICATE,
    "tests/left.db": DATABASE,
    "tests/left.pem": CERTIFICATE,
    "docs/example.key": PRIVATE_KEY,
    ".venv/lib/thing.py": PRIVATE_KEY,
    ".hypothesis/example": PRIVATE_KEY,
}
PEM_BODY = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\s+[A-Za-z0-9+/=\s]{100,}")


@dataclass(frozen=True, slots=True)
class Published:
    """What a build makes, unpacked: file names relative to the top, and their contents."""

    sdist: dict[str, bytes]
    wheel: dict[str, bytes]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Build both from a copy of the tree in which things lie around; the wheel from the unpacked source archive."""
    copy = tmp_path_factory.mktemp("checkout") / "secure_chat"
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", "var", "log", "*_cache", "__pycache__", ".hypothesis", "dist", "build"
    )
    shutil.copytree(ROOT, copy, ignore=left_out)
    for path, content in PLANTED.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(content, encoding="utf-8")
    archive = build(copy, "sdist")
    unpacked = tmp_path_factory.mktemp("unpacked")
    unpack(archive, unpacked)
    (top,) = unpacked.iterdir()
    with zipfile.ZipFile(build(top, "wheel")) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    shutil.rmtree(top / "dist")
    files = (path for path in top.rglob("*") if path.is_file())
    return Published({path.relative_to(top).as_posix(): path.read_bytes() for path in files}, contents)


def build(checkout: Path, target: str) -> Path:
    """Build without a network and without isolation, as `make` installs."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "dist"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = (checkout / "dist").iterdir()
    return made


def unpack(archive: Path, directory: Path) -> None:
    """Write the plain files of a source archive below a directory; Python 3.11.2 has no extraction filters."""
    with tarfile.open(archive) as sdist:
        for member in sdist:
            content = sdist.extractfile(member)
            assert content is not None, f"{member.name} is no plain file"
            (directory / member.name).parent.mkdir(parents=True, exist_ok=True)
            (directory / member.name).write_bytes(content.read())


def sources(place: str) -> set[str]:
    """The files of a package as they are in the checkout, relative to the package's parent."""
    top = ROOT / place
    return {
        path.relative_to(top.parent).as_posix()
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_source_archive_holds_no_key_no_certificate_no_database(published: Published) -> None:
    assert published.sdist.keys().isdisjoint(PLANTED)
    assert [name for name in published.sdist if name.startswith("certs/")] == ["certs/README.md"]
    for name, content in published.sdist.items():
        assert not PEM_BODY.search(content), name
        assert not content.startswith(DATABASE.encode()), name


def test_the_wheel_holds_no_key_no_certificate_no_database(published: Published) -> None:
    for name, content in published.wheel.items():
        assert PurePosixPath(name).suffix not in {".key", ".pem", ".crt", ".db"}, name
        assert not PEM_BODY.search(content), name
        assert not content.startswith(DATABASE.encode()), name


def test_the_source_archive_is_enough_to_build_check_and_test(published: Published) -> None:
    wanted = {"Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "LICENSE", "README.md"}
    wanted |= {"ARCHITECTURE.md", "tests/conftest.py", "tests/test_packaging.py", "docs/features.md", ".gitignore"}
    assert wanted <= published.sdist.keys()
    for place in PRODUCT:
        assert {f"{PurePosixPath(place).parent / name}" for name in sources(place)} <= published.sdist.keys()


def test_the_wheel_holds_both_packages_whole_and_nothing_else(published: Published) -> None:
    code = {name for name in published.wheel if ".dist-info/" not in name}
    assert code == set().union(*map(sources, PRODUCT))
    assert {"secure_chat/py.typed", "secure_chat_tools/py.typed"} <= code


def test_the_wheel_carries_the_licenses(published: Published) -> None:
    (name,) = (name for name in published.wheel if name.endswith("/licenses/LICENSE"))
    assert published.wheel[name].startswith(b"MIT License")
    assert any(name.endswith("/licenses/secure_chat/data/LICENSE-UNICODE.txt") for name in published.wheel)


def test_the_wheel_has_the_four_commands_and_each_has_its_function(published: Published) -> None:
    (name,) = (name for name in published.wheel if name.endswith(".dist-info/entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(published.wheel[name].decode())
    scripts = points["console_scripts"]
    assert set(scripts) == COMMANDS
    for command in COMMANDS:
        module, _, function = scripts[command].partition(":")
        assert callable(getattr(importlib.import_module(module), function)), command


def test_the_search_for_keys_finds_one() -> None:
    assert PEM_BODY.search(PRIVATE_KEY.encode())
    assert PEM_BODY.search(CERTIFICATE.encode())
