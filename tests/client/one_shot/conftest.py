"""A server for each module, and people who join it, each with a shell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.one_shot.shell import Shell
from tests.features.team import ADMIN
from tests.support.answering import Machine, newcomer
from tests.support.installation import Installation, ServerProcess

NAMES = (
    "alice bella cora dana emma fanny gloria hilda irene julia karin lena marta nina olga paula "
    "quinn rosa stella tina ulla vera wanda xenia yvonne zelda"
).split()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def invites(installation: Installation) -> Iterator[tuple[str, bytes]]:
    return iter([(name, installation.invite()) for name in NAMES])


@pytest.fixture(scope="module")
def server(installation: Installation, invites: Iterator[tuple[str, bytes]]) -> Iterator[ServerProcess]:
    assert invites is not None, "they are made before the server runs"
    with installation.start() as running:
        yield running


@pytest.fixture
def somebody(
    installation: Installation,
    server: ServerProcess,
    invites: Iterator[tuple[str, bytes]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[], Shell]:
    """Joins a person whom no test has used before."""
    assert server.pid

    def join() -> Shell:
        name, token = next(invites)
        return _join(installation, name, token, tmp_path, capsys)

    return join


def _join(
    installation: Installation, name: str, token: bytes, tmp_path: Path, capture: pytest.CaptureFixture[str]
) -> Shell:
    def reset_link() -> str:
        arguments = ("--config", str(installation.settings_file), "user", "reset", name, "--yes", "--json")
        (made,) = ADMIN.run(installation.directory, *arguments).objects
        return str(made["link"])

    directory = tmp_path / name
    directory.mkdir()
    machine = Machine(directory / "data")
    machine.joining(installation.link(token), newcomer(name)).run().vault.close()
    return Shell(name, machine, directory, capture, reset_link)
