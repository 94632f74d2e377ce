"""A vault made once for all tests of one device's keys, and a device with a copy of it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.direct.device import Device, Template, device, make_template
from tests.client.direct.talkers import Scene, Templates, make_templates


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A closed vault."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def own(template: Template, tmp_path: Path) -> Iterator[Device]:
    """A device."""
    with device(template, tmp_path / "vault") as made:
        yield made


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Closed vaults of some people."""
    return make_templates(tmp_path_factory.mktemp("people"))


@pytest.fixture
def scene(templates: Templates, tmp_path: Path) -> Iterator[Scene]:
    """People, a post office and a clock."""
    made = Scene(tmp_path, templates)
    try:
        yield made
    finally:
        made.close()
