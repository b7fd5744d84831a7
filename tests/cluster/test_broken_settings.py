"""A commit that Flux applies and waits for in vain: it takes the fix at once, and readers notice neither."""

from __future__ import annotations

import time

import pytest

from tests.cluster import figures, processes, site
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

NO_CHART = """
patches:
  - target: {kind: HelmRelease, name: site}
    patch: |
      - {op: replace, path: /spec/chart/spec/version, value: 999.0.0}
"""
LIMIT = 60  # seconds; the wait itself takes 20 minutes


def test_flux_takes_a_fix_while_it_waits_for_a_broken_commit(there: Layout, kubectl: Kubectl) -> None:
    """Without the feature gate of flux/clusters/components/controllers the fix waits for the timeout."""
    file = there.site / "flux" / "apps" / "site" / "production" / "kustomization.yaml"

    def version() -> str:
        return str(kubectl.get("-n", "site", "helmrelease", "site")["spec"]["chart"]["spec"]["version"])

    def is_waiting() -> bool:
        status = kubectl.get("-n", "flux-system", "kustomization", "apps")["status"]
        reasons = {row["type"]: row["reason"] for row in status["conditions"] if row["status"] != "False"}
        return version() == "999.0.0" and reasons.get("Reconciling") == "Progressing"

    before = version()
    with reading(5, pause=1.0) as readers:
        file.write_text(file.read_text("utf-8") + NO_CHART, "utf-8")
        site.commit(there, "Ask for a chart that nobody has published")
        site.push(there)
        processes.wait_until(is_waiting, 120, "Flux does not wait for the broken commit")
        time.sleep(10)  # it waits for health now
        assert is_waiting()
        site.git(there, "revert", "--no-edit", "HEAD")
        begun = time.monotonic()
        site.push(there)
        processes.wait_until(lambda: version() == before, LIMIT, "Flux waits for the broken commit still")
        seconds = time.monotonic() - begun
        site.wait_until_live(there)
    figures.write(
        "A broken commit of settings",
        "A commit asks for a chart that is not published, and Flux waits up to 20 minutes for the release. "
        f"The fix was applied {seconds:.0f} s after its push. {len(readers.faults)} of "
        f"{sum(readers.requests.values()):,} requests failed meanwhile.",
    )
    assert readers.faults == []
