from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.configuration import ConfigurationInvalid, Deployment, load_deployment
from tests.support.configuration_files import ENVIRONMENT, write_configuration

Load = Callable[..., Deployment]
Problems = Callable[..., list[tuple[str, int, str]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the small configuration with files replaced."""

    def load_with(**files: str) -> Deployment:
        return load_deployment(write_configuration(tmp_path / "acme", **files), ENVIRONMENT)

    return load_with


@pytest.fixture
def problems(load: Load) -> Problems:
    """The problems of the small configuration with files replaced, as (file name, line, message)."""

    def problems_with(**files: str) -> list[tuple[str, int, str]]:
        with pytest.raises(ConfigurationInvalid) as caught:
            load(**files)
        return [(Path(each.file).name, each.line, each.message) for each in caught.value.problems]

    return problems_with
