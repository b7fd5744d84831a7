"""Certificates of a control plane: its pods read them only when they start."""

from __future__ import annotations

import pytest

from tests.nodes.estate import Estate, whats

RENEW = "renew the certificates (apiserver ends in 1 days)"
RESTART = "restart the static pods"


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch) -> Estate:
    return Estate(monkeypatch)


def test_certificates_that_end_are_renewed_once(estate: Estate) -> None:
    assert whats(estate.renew("plane1")) == [RENEW, RESTART]
    assert estate.renew("plane1").state == "unchanged"


def test_a_restart_that_failed_is_made_by_the_next_run(estate: Estate) -> None:
    """The files have new certificates then: nothing else tells that the pods have old ones."""
    estate.plane.fails = "restart"
    assert "port 2379 is still in use after 120 s" in estate.renew("plane1").fault
    estate.plane.fails = ""
    assert whats(estate.renew("plane1")) == [RESTART]
    assert estate.renew("plane1").state == "unchanged"
