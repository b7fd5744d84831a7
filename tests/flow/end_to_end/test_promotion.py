"""Tests of `promote`, and of what a pipeline may skip."""

from __future__ import annotations

import pytest

from tests.support.delivery.flow import (
    ENVIRONMENTS,
    MACHINE,
    commit,
    configure,
    digests,
    done,
    refused,
)
from tests.support.delivery.targets import Publisher
from tests.support.project import git


@pytest.mark.slow
@pytest.mark.parametrize("more", [ENVIRONMENTS, "promotion"])
def test_a_candidate_waits_for_promotion_with_staging_or_manual_promotion(
    publisher: Publisher, more: str
) -> None:
    configure(publisher, more if more == ENVIRONMENTS else "")
    file = publisher.project / "site.toml"
    if more == "promotion":
        file.write_text(file.read_text().replace("[chart]\n", '[chart]\npromotion = "manual"\n'))
    commit(publisher, "The first text.", "Wait")
    done(publisher, "run")
    assert digests(publisher).keys() == {"1.0.2-rc"}
    done(publisher, "promote")
    assert digests(publisher).keys() == {"1.0.2-rc", "1.0.2"}
    before = dict(publisher.charts())
    done(publisher, "promote", "1.0.2")
    assert publisher.charts() == before


def test_what_cannot_be_promoted_is_refused(publisher: Publisher) -> None:
    assert "has no candidate; run `make publish`" in refused(publisher, "promote")
    assert "is not a version; write it as 1.0.412" in refused(publisher, "promote", "newest")
    assert "has no candidate 1.0.9-rc; run `make status`" in refused(publisher, "promote", "1.0.9")


@pytest.mark.parametrize("name", ["staging", "production"])
def test_optional_commands_skip_what_does_not_exist(publisher: Publisher, name: str) -> None:
    """One pipeline serves every site: without staging, and with manual promotion."""
    file = publisher.project / "site.toml"
    file.write_text(file.read_text().replace("[chart]\n", '[chart]\npromotion = "manual"\n'))
    head = git(publisher.project, "rev-parse", "HEAD").strip()
    run = publisher.run("status", "--wait", head, "--environment", name, "--optional", env=MACHINE)
    assert (run.code, run.out) == (0, ""), run.err
    assert "nothing to wait for" in run.err
    run = publisher.run("promote", "--optional", env=MACHINE)
    assert (run.code, publisher.charts()) == (0, {}), run.err
    assert "promotion is manual (site.toml)" in run.err
