"""What the tests share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that starts the same for every test."""
    return np.random.default_rng(20260101)
