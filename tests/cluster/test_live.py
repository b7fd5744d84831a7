"""From an empty cluster to a live site: Flux is pointed at Git, and nothing else is done by hand."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.accounts import Member, add_authenticator, login, reauthenticate
from tests.cluster import browser, figures, front_door, members, site
from tests.cluster.kubectl import Kubectl, condition, is_ready
from tests.cluster.layout import SITE, Layout

pytestmark = pytest.mark.cluster

INSIDE = "/members/welcome/"
TIMEOUT = 60_000  # milliseconds


def pods(kubectl: Kubectl, namespace: str, selector: str) -> list[tuple[str, bool]]:
    """Return node and readiness of the running pods."""
    found = kubectl.items(
        "-n", namespace, "pods", "--selector", selector, "--field-selector", "status.phase=Running"
    )
    return [(one["spec"]["nodeName"], condition(one, "Ready") == "True") for one in found]


@pytest.mark.parametrize(
    ("namespace", "selector"),
    [
        ("site", "app.kubernetes.io/component=web"),
        ("site", "app.kubernetes.io/component=api"),
        ("database", "cluster-name=acid-site"),
    ],
)
def test_three_pods_of_each_kind_run_on_three_nodes(kubectl: Kubectl, namespace: str, selector: str) -> None:
    """The loss of one node leaves two of each."""
    found = pods(kubectl, namespace, selector)
    assert sorted(found) == [("node1", True), ("node2", True), ("node3", True)]


def test_flux_has_applied_the_whole_tree(kubectl: Kubectl) -> None:
    """The tree of the repository, unchanged but for its settings."""
    found = kubectl.items("--all-namespaces", "kustomizations")
    assert sorted(one["metadata"]["name"] for one in found if is_ready(one)) == [
        "apps",
        "database",
        "flux-system",
        "infrastructure",
        "namespaces",
        "notifications",
        "secrets",
    ]
    release = kubectl.get("-n", "site", "helmrelease", "site")
    assert {hook["phase"] for hook in release["status"]["history"][0]["testHooks"].values()} == {"Succeeded"}


def test_readers_get_the_published_commit(there: Layout) -> None:
    assert front_door.get("/").status == 200
    assert front_door.get(INSIDE).status == 401
    assert front_door.version()["commit"] == site.git(there, "rev-parse", "HEAD")
    assert "max-age" in front_door.get("/").headers["strict-transport-security"]


def test_a_member_logs_in_with_a_passkey_and_reads(there: Layout) -> None:
    """Invitation by mail, a password, a passkey, the members' page: as a person does it, in Chromium."""
    path = members.invite(there, "ann@example.org", "Ann")
    member = Member("ann@example.org", "Ann", members.PASSWORD)
    with browser.chromium() as chromium:
        context = chromium.new_context(base_url=f"https://{SITE}")
        context.set_default_timeout(TIMEOUT)
        expect.set_options(timeout=TIMEOUT)
        page = context.new_page()
        add_authenticator(page)
        page.goto(path)
        page.get_by_label("New password", exact=True).fill(member.password)
        page.get_by_role("button", name="Set this password").click()
        expect(page.get_by_role("heading", name="The password is set")).to_be_visible()
        login(page, member)
        page.get_by_label("Name of the passkey").fill("Laptop")
        page.get_by_role("button", name="Add a passkey").click()
        reauthenticate(page, member)
        expect(page.locator("#passkeys li")).to_have_count(1)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
        page.goto(INSIDE)
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, member")
        context.close()


def test_the_times_are_written(there: Layout, kubectl: Kubectl) -> None:
    """The seconds of `make cluster`, step by step."""
    timings: dict[str, float] = json.loads((there.base / "timings.json").read_text())
    rows = [(name, f"{seconds:.1f}") for name, seconds in timings.items()]
    rows.append(("in all", f"{sum(timings.values()):.1f}"))
    nodes = kubectl.items("nodes")
    versions = {one["status"]["nodeInfo"]["kubeletVersion"] for one in nodes}
    assert len(versions) == 1
    assert re.fullmatch(r"v1\.\d+\.\d+", versions.pop())
    text = (
        f"{len(nodes)} nodes with Kubernetes {nodes[0]['status']['nodeInfo']['kubeletVersion']}, Flux's four "
        "controllers, Zalando's operator with three PostgreSQL, three web and three login pods, "
        "NetworkPolicies enforced; all on one machine, programs already built. *live* is from the manifests "
        "of the bootstrap until every Kustomization and the release, with its test, are ready.\n\n"
        + figures.table(("step", "s"), rows)
    )
    figures.write("From an empty cluster to a live site", text)
