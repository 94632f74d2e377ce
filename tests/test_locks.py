"""The locks have all that pyproject.toml asks for, on every Python it allows, and are true on any machine."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("linux", "darwin")
# Extras for people who install the product; no check and no test here needs them, so no lock has them.
UNLOCKED_EXTRAS = {"gui", "keyring", "metrics"}

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+]+)(?:\s*;\s*(?P<marker>.+))?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One version that a lock names."""

    name: str
    version: str
    marker: Marker | None
    hashes: int

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether this pin is installed there."""
        return self.marker is None or self.marker.evaluate(environment)


class LockError(ValueError):
    """A lock that is not true everywhere."""


def read_lock(text: str) -> list[Pin]:
    """The pins of a lock; raises `LockError` for an option, an index, an address, a path, or a pin without a hash."""
    pins: list[Pin] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].strip()
        if not words:
            continue
        pinned, *hashes = re.split(r"\s+(?=--)", words)
        match = PIN.fullmatch(pinned)
        if match is None or not all(HASH.fullmatch(each) for each in hashes):
            raise LockError(f"neither a pinned version nor its hash: {words[:100]}")
        if not hashes:
            raise LockError(f"no hash: {pinned}")
        marker = Marker(match["marker"]) if match["marker"] else None
        pins.append(Pin(canonicalize_name(match["name"]), match["version"], marker, len(hashes)))
    return pins


def this_environment() -> dict[str, str]:
    """What the markers see here."""
    return {name: str(value) for name, value in default_environment().items()}


def environments() -> Iterator[Mapping[str, str]]:
    """What the markers see on every Python and system that the locks are for."""
    for version in VERSIONS:
        for system in SYSTEMS:
            environment = this_environment()
            environment["python_version"] = version
            environment["python_full_version"] = f"{version}.4"
            environment["implementation_version"] = f"{version}.4"
            environment["sys_platform"] = system
            environment["platform_system"] = system.capitalize()
            yield environment


def lacks(pins: list[Pin], asked: Iterable[Requirement], environment: Mapping[str, str]) -> list[str]:
    """What a lock does not give of what is asked for, one sentence each."""
    where = f"on Python {environment['python_version']}, {environment['sys_platform']}"
    found: list[str] = []
    for requirement in asked:
        if requirement.marker is not None and not requirement.marker.evaluate({**environment, "extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        versions = [pin.version for pin in pins if pin.name == name and pin.applies(environment)]
        if len(versions) != 1:
            found.append(f"{name}: {len(versions)} pins {where}")
        elif not requirement.specifier.contains(versions[0], prereleases=True):
            found.append(f"{name}=={versions[0]} is not {requirement.specifier} {where}")
    return found


def asked_for(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for: to run, and with extras."""
    project = PROJECT["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    if "dev" in extras:
        lines += PROJECT["build-system"]["requires"]  # the editable install builds with what is there
    return [Requirement(line) for line in lines]


def locked(name: str) -> list[Pin]:
    return read_lock((ROOT / name).read_text(encoding="utf-8"))


# --- the locks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "extras"), [("requirements.txt", ()), ("requirements-dev.txt", ("dev",))])
def test_a_lock_has_all_that_pyproject_asks_for(name: str, extras: tuple[str, ...]) -> None:
    pins = locked(name)
    for environment in environments():
        assert lacks(pins, asked_for(*extras), environment) == [], "run `make lock`"


def test_every_extra_is_locked_or_known_not_to_be() -> None:
    assert PROJECT["project"]["optional-dependencies"].keys() == {"dev", *UNLOCKED_EXTRAS}


def test_the_tests_run_on_the_versions_that_people_get() -> None:
    tested = {(pin.name, pin.version) for pin in locked("requirements-dev.txt")}
    assert {(pin.name, pin.version) for pin in locked("requirements.txt")} <= tested


def test_the_locks_cover_every_python_that_pyproject_allows() -> None:
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    assert "3.10" not in allowed
    named = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert named == set(VERSIONS)
    assert all(version in allowed for version in VERSIONS)


def test_what_the_locked_distributions_need_is_locked_too() -> None:
    here = this_environment()
    pins = locked("requirements-dev.txt")
    for pin in pins:
        if not pin.applies(here):
            continue
        needed = [Requirement(line) for line in metadata.requires(pin.name) or ()]
        assert lacks(pins, needed, here) == [], pin.name


# --- the check sees what is wrong ----------------------------------------------------------------

SOME_HASH = "--hash=sha256:" + 64 * "0"
GOOD = (
    f"bcrypt==5.0.0 \\\n    {SOME_HASH} \\\n    {SOME_HASH}\ncffi==2.0 ; python_version < '3.13' \\\n    {SOME_HASH}\n"
)


def test_a_lock_is_read() -> None:
    bcrypt, cffi = read_lock(GOOD)
    assert (bcrypt.name, bcrypt.version, bcrypt.marker, bcrypt.hashes) == ("bcrypt", "5.0.0", None, 2)
    assert (cffi.name, cffi.version, str(cffi.marker), cffi.hashes) == ("cffi", "2.0", 'python_version < "3.13"', 1)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://pypi.org/simple",
        "--extra-index-url file:///srv/packages",
        "-i https://pypi.org/simple",
        "--find-links /srv/wheels",
        "-e .",
        "--editable file:///home/someone/secure_chat",
        f"wcwidth @ file:///srv/wcwidth.whl {SOME_HASH}",
        f"https://files.example.org/wcwidth.whl {SOME_HASH}",
        f"./wcwidth.whl {SOME_HASH}",
        f"wcwidth>=0.2 {SOME_HASH}",
        "wcwidth==0.2",
        "wcwidth==0.2 --hash=md5:00",
    ],
)
def test_an_index_a_path_and_a_pin_without_hash_are_seen(line: str) -> None:
    with pytest.raises(LockError):
        read_lock(GOOD + line + "\n")


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        ("bcrypt>=5", 0),
        ("bcrypt>=5.1", 4),
        ("argon2-cffi", 4),
        ("cffi", 2),
        ("cffi ; python_version < '3.13'", 0),
        ("cffi>=3 ; python_version < '3.12'", 1),
    ],
)
def test_what_a_lock_lacks_is_seen(asked: str, lacking: int) -> None:
    pins = read_lock(GOOD)
    linux = [environment for environment in environments() if environment["sys_platform"] == "linux"]
    assert sum(len(lacks(pins, [Requirement(asked)], environment)) for environment in linux) == lacking
