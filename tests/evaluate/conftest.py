"""What several tests of evaluations need."""

from __future__ import annotations

import pytest
from recorded_run import Recorded, record_run


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run without pictures, and what identify was told in it."""
    return record_run(tmp_path_factory.mktemp("live"))
