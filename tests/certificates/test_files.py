"""Directories and files of keys: for their owner alone, however loose the umask is and whatever is missing above."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secure_chat.certificates.files import make_directories, make_private_directory
from secure_chat.client.profiles import Profiles
from secure_chat.server.settings.paths import DataDirectory
from tests.support.command import PATIENCE_SECONDS, SERVER, home


@pytest.fixture
def loosest_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


MAKERS: dict[str, Callable[[Path], object]] = {
    "any": make_directories,
    "certificates": make_private_directory,
    "data": lambda path: DataDirectory(path).prepare(),
    "profiles": lambda path: Profiles(path).prepare_root(),
}


@pytest.mark.usefixtures("loosest_umask")
@pytest.mark.parametrize("what", MAKERS)
def test_what_is_missing_above_a_private_directory_is_made_as_private(what: str, tmp_path: Path) -> None:
    """Whoever may write to a directory above could put another one in its place."""
    MAKERS[what](tmp_path / "one" / "two" / "three")
    made = [tmp_path / "one", *(tmp_path / "one").rglob("*")]
    assert len(made) >= 3
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {
        path.name: 0o700 for path in made if path.is_dir()
    }


def test_a_first_start_under_the_loosest_umask_leaves_nothing_that_others_can_write(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SERVER, "quickstart", "--prepare-only"],
        cwd=tmp_path,
        env=home(tmp_path / "home"),
        umask=0,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = list(tmp_path.rglob("*"))
    assert any(path.name == "authority.key" for path in made)
    assert [path for path in made if path.stat().st_mode & 0o022] == []


def test_a_directory_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        make_directories(tmp_path)
