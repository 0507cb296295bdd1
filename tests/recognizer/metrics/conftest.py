"""What the tests of measures share."""

import pytest

from recognizer.metrics.extras import UnavailableError, torchmetrics


@pytest.fixture
def needs_torchmetrics():
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
