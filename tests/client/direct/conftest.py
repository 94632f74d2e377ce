"""A vault made once for all tests of one device's keys, and a device with a copy of it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.direct.device import Device, Template, device, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A closed vault."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def own(template: Template, tmp_path: Path) -> Iterator[Device]:
    """A device."""
    with device(template, tmp_path / "vault") as made:
        yield made
