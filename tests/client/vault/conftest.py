"""A vault made once and copied for each test: deriving its keys is slow on purpose."""

import shutil
from pathlib import Path

import pytest

from tests.client.vault.vaults import make_vault, private_directory


@pytest.fixture(scope="module", autouse=True)
def salts_are_few() -> None:
    """Not here: each wrap has a salt of its own, and one that is destroyed is nowhere any more."""


@pytest.fixture(scope="session")
def vault_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = private_directory(tmp_path_factory.mktemp("template"))
    make_vault(directory).close()
    return directory


@pytest.fixture
def vault_directory(vault_template: Path, tmp_path: Path) -> Path:
    """The directory of a closed vault with one note."""
    directory = tmp_path / "vault"
    shutil.copytree(vault_template, directory)
    return directory
