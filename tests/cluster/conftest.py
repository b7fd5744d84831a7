"""Fixtures of the tests that run in a cluster: `make e2e`."""

from __future__ import annotations

import os

import pytest

from tests.cluster import processes
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout, layout


@pytest.fixture(scope="session")
def there() -> Layout:
    """The running cluster."""
    if processes.INSIDE not in os.environ:
        pytest.skip("runs in a cluster: make e2e")
    return layout()


@pytest.fixture(scope="session")
def kubectl(there: Layout) -> Kubectl:
    """kubectl, as its administrator."""
    return Kubectl(there)
