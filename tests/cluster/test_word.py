"""A word of a text, from `git push` to all readers."""

from __future__ import annotations

import secrets

import pytest

from benchmarks.measure import format_met
from tests.cluster import api, figures, site, timeline
from tests.cluster.api import GROUPS, Api
from tests.cluster.delivery import Delivery, deliver
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.support.project import ROOT

pytestmark = pytest.mark.cluster

BAR = 30.0  # seconds from the push until all readers have it
ROUNDS = 3
PAGE, FILE = "/about/", "content/pages/about.md"
PICTURE = ROOT / "docs" / "push-to-live.svg"
TITLE = "A word, from git push to all readers"


def write_word(there: Layout) -> str:
    """Add a word to a page, and commit it; return the word."""
    word = f"w{secrets.token_hex(4)}"
    file = there.site / FILE
    file.write_text(f"{file.read_text('utf-8').rstrip()}\n\n{word}\n", "utf-8")
    site.commit(there, f"Write {word}")
    return word


def test_a_word_goes_live_and_no_login_pod_restarts(there: Layout, kubectl: Kubectl) -> None:
    """The chart pins images by digest: only what changed is rolled out."""
    before = {one["metadata"]["uid"] for one in login_pods(kubectl)}
    found = [deliver(there, PAGE, write_word(there)) for _ in range(ROUNDS)]
    assert {one["metadata"]["uid"] for one in login_pods(kubectl)} == before
    client = Api(there)
    assert api.deployed_version(client.get(GROUPS["helmrelease"])) == found[-1].version
    client.close()
    figures.write("A word, from git push to live", report(found))
    PICTURE.write_text(timeline.draw(TITLE, timeline.phases(median(found).ends)), "utf-8")


def login_pods(kubectl: Kubectl) -> list[dict[str, dict[str, str]]]:
    return kubectl.items("-n", "site", "pods", "--selector", "app.kubernetes.io/component=api")


def median(found: list[Delivery]) -> Delivery:
    """Return the round in the middle."""
    return sorted(found, key=lambda one: one.ends["all readers"])[len(found) // 2]


def report(found: list[Delivery]) -> str:
    """Return the section: phases, steps and bytes of the round in the middle."""
    middle = median(found)
    phases = [
        (name, *(f"{one.ends[name]:.1f}" for one in found))
        for name in sorted(middle.ends, key=lambda name: middle.ends[name])
    ]
    steps = [(step["name"], f"{step['seconds']:.2f}", f"{step['bytes']:,}") for step in middle.steps]
    sent = [(name, f"{size / 1000:,.1f}") for name, size in middle.bytes.items()]
    seconds = middle.ends["all readers"]
    return "\n\n".join(
        [
            "One word of a page, committed and pushed to Git; then the pipeline's steps "
            "(`python -m pipelines run`, with the promotion) on the same machine. Seconds since `git push` "
            "began. *source*: Flux has the chart. *release*: Helm has begun. *first reader*, *all readers*: "
            "one connection, ten in a row get the word. *rollout*: all web pods are new and ready. *tested*: "
            "`helm test` has passed.",
            figures.table(("until", *(f"round {one + 1}" for one in range(len(found)))), phases),
            f"Bar: all readers have it in at most {BAR:.0f} s: {format_met(seconds <= BAR)} "
            f"({seconds:.1f} s, median). The login pods were not restarted.",
            "Steps of the pipeline, in the median round:",
            figures.table(("step", "s", "bytes"), steps),
            "Uploads:",
            figures.table(("to", "kB"), sent),
        ]
    )
