"""A release that cannot run: readers keep the one before, Flux rolls back, and the fix goes live."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.cluster import api, changes, figures, front_door, members, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

READERS = 10
# Seconds: three upgrades of at most 5 min, each with a rollback (flux/apps/site/base/release.yaml).
GIVEN_UP = 2400
MIGRATION = """
from django.db import migrations

def fail(apps, schema):
    raise RuntimeError("this migration fails")

class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_members")]
    operations = [migrations.RunPython(fail)]
"""
_RESULTS: dict[str, tuple[str, ...]] = {}


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


@pytest.mark.parametrize("fault", [break_nginx, break_api, break_test, break_migration])
def test_a_broken_release_is_rolled_back(there: Layout, fault: Callable[[Layout], None]) -> None:
    """No reader notices, `status` names the release, and nobody has to do anything before the next commit."""
    client = Api(there)
    kind = fault.__name__.partition("_")[2]
    before = api.deployed_version(client.get(GROUPS["helmrelease"]))
    session = members.logged_in(there, f"{kind}@example.org", kind)
    good = site.git(there, "rev-parse", "HEAD")
    fault(there)
    broken = site.commit(there, f"Break it: {kind}")
    begun = time.monotonic()
    with reading(READERS, session, pause=2.0) as readers:
        site.push(there)
        version = site.publish(there)["version"].removesuffix("-rc")
        with pytest.raises(RuntimeError) as raised:
            site.pipelines(
                there, "status", "--wait", broken, "--timeout", str(GIVEN_UP), timeout=GIVEN_UP + 60
            )
        given_up = time.monotonic() - begun
        assert version in str(raised.value)
        assert "Flux has given it up" in str(raised.value)
        processes.wait_until(
            lambda: api.deployed_version(client.get(GROUPS["helmrelease"])) == before, 600, "no rollback"
        )
        rolled_back = time.monotonic() - begun
        assert front_door.version()["commit"] == good
        site.git(there, "revert", "--no-edit", "HEAD")
        fixed = changes.Change("fix", site.git(there, "rev-parse", "HEAD"))
        seconds = changes.roll_out(there, fixed)
    client.close()
    requests = sum(readers.requests.values())
    _RESULTS[kind] = (
        f"{given_up:.0f}",
        f"{rolled_back:.0f}",
        f"{seconds:.0f}",
        f"{len(readers.faults)} of {requests:,}",
    )
    head = ("broken", "given up after s", "rolled back after s", "the fix is live after s", "failed requests")
    rows = [(name, *row) for name, row in _RESULTS.items()]
    text = f"{READERS} readers and a logged-in member read meanwhile. The retries are those of production."
    figures.write("Broken releases", f"{text}\n\n{figures.table(head, rows)}")
    assert readers.faults == []
