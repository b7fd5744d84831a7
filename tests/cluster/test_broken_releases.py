"""A release that cannot run: readers keep the one before, Flux rolls back, and the fix goes live."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cluster import api, changes, figures, front_door, members, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

READERS = 10
SHIPPED, SHORT = 300, 90  # seconds of release_timeout
TRIES = 3  # of a release, as shipped
NO_RETRY = """
patches:
  - target: {kind: HelmRelease, name: site}
    patch: |
      - {op: replace, path: /spec/upgrade/remediation/retries, value: 0}
"""
MIGRATION = """
from django.db import migrations

def fail(apps, schema):
    raise RuntimeError("this migration fails")

class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_members")]
    operations = [migrations.RunPython(fail)]
"""


@dataclass(frozen=True)
class Result:
    """Seconds since the push."""

    given_up: float
    rolled_back: float
    fixed: float  # since the push of the fix
    requests: int
    faults: int


_RESULTS: dict[str, Result] = {}


def break_nginx(there: Layout) -> None:
    file = there.site / "images" / "web" / "nginx" / "nginx.conf"
    file.write_text(f"{file.read_text('utf-8')}\nunknown_directive on;\n", "utf-8")


def break_api(there: Layout) -> None:
    file = there.site / "api" / "config" / "gunicorn.py"
    file.write_text(f"{file.read_text('utf-8')}\nraise RuntimeError('does not start')\n", "utf-8")


def break_test(there: Layout) -> None:
    file = there.site / "helm" / "site" / "templates" / "api" / "test.yaml"
    old = file.read_text("utf-8")
    assert old.count("api.health.smoke_test") == 1
    file.write_text(old.replace("api.health.smoke_test", "api.health.no_such_test"), "utf-8")


def break_migration(there: Layout) -> None:
    (there.site / "api" / "accounts" / "migrations" / "0003_broken.py").write_text(MIGRATION.lstrip())


@dataclass(frozen=True)
class Fault:
    """A commit that breaks the release."""

    make: Callable[[Layout], None]
    tries: int = 1
    deadline: float = 0.0  # when it fails, as a part of release_timeout: helm/site

    @property
    def name(self) -> str:
        return self.make.__name__.partition("_")[2]


# One with the retries as shipped; they only repeat the others.
FAULTS = (
    Fault(break_test, TRIES),
    Fault(break_nginx, deadline=4 / 5),
    Fault(break_api, deadline=4 / 5),
    Fault(break_migration, deadline=2 / 3),
)


def set_timeout(there: Layout, seconds: int) -> None:
    """Set `release_timeout` as an operator does, and roll it out."""
    toml = there.site / "site.toml"
    values = {"[[environment]]": {"release_timeout": str(seconds)}}
    toml.write_text(site.change_settings(toml.read_text("utf-8"), values), "utf-8")
    site.pipelines(there, "settings")
    commit = site.commit(there, f"Let a release take {seconds} s")
    changes.roll_out(there, changes.Change("settings", commit, f'"timeout": {seconds}'))


def set_tries(there: Layout, client: Api, tries: int) -> None:
    """Let Flux try a release once, or as shipped."""
    file = there.site / "flux" / "apps" / "site" / "production" / "kustomization.yaml"
    text = file.read_text("utf-8").partition(NO_RETRY)[0] + (NO_RETRY if tries == 1 else "")
    if text == file.read_text("utf-8"):
        return
    file.write_text(text, "utf-8")
    site.commit(there, f"Try a release {tries} times")
    site.push(there)

    def seen() -> bool:
        upgrade = client.get(GROUPS["helmrelease"]).get("spec", {}).get("upgrade", {})
        return bool(upgrade.get("remediation", {}).get("retries") == tries - 1)

    processes.wait_until(seen, 120, "Flux has not applied the number of retries")


@pytest.fixture(scope="module", autouse=True)
def short_timeout(there: Layout) -> Iterator[None]:
    """A release fails sooner than with the shipped timeout, by the same rules."""
    set_timeout(there, SHORT)
    yield
    client = Api(there)
    set_tries(there, client, TRIES)
    client.close()
    set_timeout(there, SHIPPED)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_release_is_rolled_back(there: Layout, fault: Fault) -> None:
    """No reader notices, `status` names the release, and nobody has to do anything before the next commit."""
    client = Api(there)
    set_tries(there, client, fault.tries)
    before = api.deployed_version(client.get(GROUPS["helmrelease"]))
    good = front_door.version()["commit"]
    session = members.logged_in(there, f"{fault.name}@example.org", fault.name)
    fault.make(there)
    broken = site.commit(there, f"Break it: {fault.name}")
    limit = 60 + fault.tries * 4 * SHORT
    begun = time.monotonic()
    with reading(READERS, session, pause=2.0) as readers:
        site.push(there)
        version = site.publish(there)["version"].removesuffix("-rc")
        with pytest.raises(RuntimeError) as raised:
            site.pipelines(there, "status", "--wait", broken, "--timeout", str(limit), timeout=limit + 60)
        given_up = time.monotonic() - begun
        assert version in str(raised.value)
        assert "Flux has given it up" in str(raised.value)
        processes.wait_until(
            lambda: api.deployed_version(client.get(GROUPS["helmrelease"])) == before, limit, "no rollback"
        )
        rolled_back = time.monotonic() - begun
        assert front_door.version()["commit"] == good
        site.git(there, "revert", "--no-edit", "HEAD")
        fixed = changes.roll_out(there, changes.Change("fix", site.git(there, "rev-parse", "HEAD")))
    client.close()
    requests = sum(readers.requests.values())
    _RESULTS[fault.name] = Result(given_up, rolled_back, fixed, requests, len(readers.faults))
    figures.write("Broken releases", report(_RESULTS))
    assert readers.faults == []


def as_shipped(fault: Fault, rolled_back: float) -> float:
    """Return the seconds with the shipped timeout and retries, computed from those of one try."""
    return (rolled_back + fault.deadline * (SHIPPED - SHORT)) * TRIES / fault.tries


def report(results: dict[str, Result]) -> str:
    """Return the section."""
    head = (
        "broken",
        "tries",
        "given up after s",
        "rolled back after s",
        "as shipped, computed, s",
        "the fix is live after s",
        "failed requests",
    )
    rows = [
        (
            fault.name,
            str(fault.tries),
            f"{one.given_up:.0f}",
            f"{one.rolled_back:.0f}",
            f"{as_shipped(fault, one.rolled_back):.0f}",
            f"{one.fixed:.0f}",
            f"{one.faults} of {one.requests:,}",
        )
        for fault in FAULTS
        if (one := results.get(fault.name))
    ]
    return (
        f"{READERS} readers and a logged-in member read meanwhile. `release_timeout` is {SHORT} s here, and "
        f"{SHIPPED} s as shipped: pods that do not start fail a release after four fifths of it, and a "
        f"migration after two thirds. Flux tries {TRIES} times as shipped; where the table has one try, an "
        f"overlay sets no retry. *As shipped* is computed from both.\n\n{figures.table(head, rows)}"
    )
