"""What every test of the matrix may use: `fault`, the peers and their clients."""

from collections.abc import Iterator

import pytest
from support.clients import connect, listen

from .tally import Tally
from .trial import Trial

__all__ = ["connect", "listen"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Tally(), "fault-tally")


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Trial]:
    """Tell how many inputs were tried, and what was lost: ``fault.tried(inputs=n)``, ``await fault.end_of(call)``."""
    trial = Trial()
    yield trial
    request.node.user_properties.append(("fault", trial.told()))
    assert not trial.losses, dict(trial.losses)
