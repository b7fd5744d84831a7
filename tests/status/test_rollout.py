"""Tests of the HelmRelease's status: read with the real kubectl, and parsed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import ToolError
from pipelines.core.results import RolloutResult
from pipelines.status.rollout import parse_release
from pipelines.tools import shell
from tests.fakes.kubernetes import (
    Cluster,
    cluster,
    condition,
    deployed,
    release,
    rolled_back,
    upgrading,
)
from tests.support.delivery.status_site import Runner, StatusSite
from tests.support.previews import free_port
from tests.support.tools import need

URL = "https://small.example"


@pytest.fixture
def kube(status_site: StatusSite, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that the kubeconfig of `status` names."""
    need("kubectl")
    with cluster() as fake:
        status_site.env["KUBECONFIG"] = str(fake.kubeconfig(tmp_path))
        yield fake


def test_live_since_is_when_the_rollout_ended(status_site: StatusSite, status: Runner, kube: Cluster) -> None:
    """Until the rollout ended, some readers got the old site."""
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    kube.release = release(status_site.door.url, deployed("1.0.3", "2026-01-02T03:04:05Z"))
    found = status("--json").result
    one = found["environments"][0]
    assert one["rollout"] == {
        "attempted": "1.0.3", "deployed": "1.0.3", "since": 1767323045, "ready": True, "failed": False,
        "returned": False, "says": "", "fault": "",
    }  # fmt: skip
    days = (found["at"] - 1767323045) // 86400
    assert one["says"] == f"commit {status_site.commits[2][:7]} is live since {days} d; as main is"


def test_a_pending_rollout_shows_the_message_of_flux(
    status_site: StatusSite, status: Runner, kube: Cluster
) -> None:
    status_site.publish(2)
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    kube.release = release(status_site.door.url, upgrading("1.0.3", "1.0.2"))
    expected = (
        "1.0.3 is published, not rolled out: HelmRelease: Running 'upgrade' action with timeout of 5m0s"
    )
    assert expected in status().row


def test_a_rolled_back_release_is_reported(status_site: StatusSite, status: Runner, kube: Cluster) -> None:
    """The failure comes first, since Flux's own summary names the rollback alone."""
    status_site.publish(2)
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    kube.release = release(status_site.door.url, rolled_back("1.0.3", "1.0.2"))
    row = status().row
    assert f"commit {status_site.commits[1][:7]} is live (rolled back: 1.0.3 has failed)" in row
    assert "HelmRelease: Helm upgrade failed for release site/site.v5 with chart site@1.0.3" in row
    assert row.endswith("1 commit behind main")


def test_the_cluster_of_another_environment_is_ignored(
    status_site: StatusSite, status: Runner, kube: Cluster
) -> None:
    """One kubeconfig names one cluster; the URL in the release's values names its environment."""
    status_site.door.pods = [status_site.pod(3)]
    status_site.configure(production="http://127.0.0.1:9", staging=status_site.door.url)
    kube.release = release(status_site.door.url, deployed("1.0.3"))
    production, staging = (one["rollout"] for one in status("--json").result["environments"])
    assert (staging["deployed"], staging["fault"]) == ("1.0.3", "")
    assert (production["deployed"], production["fault"]) == (
        "",
        f"the kubeconfig is of {status_site.door.url}",
    )


@pytest.mark.parametrize(
    ("hangs", "found", "fault"),
    [
        (False, None,          '"site" not found'),
        (False, {"spec": []},  "its output is not a HelmRelease"),
        (True,  None,          "kubectl: "),
    ],
)  # fmt: skip
def test_a_fault_of_the_cluster_is_reported(
    status_site: StatusSite, status: Runner, kube: Cluster, hangs: bool, found: object, fault: str
) -> None:
    status_site.door.pods = [status_site.pod(3)]
    kube.hangs = hangs
    kube.release = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
                    "metadata": {"name": "site"}, **found} if isinstance(found, dict) else None  # fmt: skip
    done = status("--deadline", "2", "--json")
    one = done.result["environments"][0]
    assert (done.code, one["live"]) == (0, True)
    assert fault in one["rollout"]["fault"]
    assert "the HelmRelease is unknown (" in one["says"]


def test_the_last_line_of_kubectl_is_reported(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """kubectl logs a line for each of five tries, and the cause last."""
    need("kubectl")
    fake = Cluster(port=free_port())
    status_site.env["KUBECONFIG"] = str(fake.kubeconfig(tmp_path))
    status_site.door.pods = [status_site.pod(3)]
    fault = status("--json").result["environments"][0]["rollout"]["fault"]
    assert fault.startswith(f"kubectl: The connection to the server 127.0.0.1:{fake.port} was refused")


def test_a_kubeconfig_without_kubectl_is_reported(
    status_site: StatusSite, status: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status_site.door.pods = [status_site.pod(3)]
    config = tmp_path / "home/.kube/config"
    config.parent.mkdir()
    config.write_text("{}")
    monkeypatch.setattr(shell, "run_program", _missing)
    fault = status("--json").result["environments"][0]["rollout"]["fault"]
    assert fault == "kubectl: not installed, or not on the PATH"


def _missing(*argv: object, **more: object) -> bytes:
    raise ToolError("kubectl: not installed, or not on the PATH")


def of(status: dict[str, object], **spec: object) -> RolloutResult:
    return parse_release(json.dumps(release(URL, status, **spec)).encode())[1]


def test_versions_of_charts_in_a_registry_lose_their_digest() -> None:
    """Flux's page on HelmReleases: 6.6.1+0cc9a8446c95."""
    found = of(deployed("1.0.3+0cc9a8446c95"))
    assert (found.attempted, found.deployed) == ("1.0.3", "1.0.3")
    assert found.since


def test_a_new_attempt_is_not_blamed_for_the_last_one() -> None:
    """Conditions stay until the next attempt has ended."""
    before = rolled_back("1.0.3", "1.0.2", stalled=False)
    conditions = [row for row in before["conditions"] if row["type"] != "Reconciling"]
    running = condition(
        "Reconciling", "True", "Progressing", "Running 'upgrade' action", "2026-11-23T12:07:00Z"
    )
    found = of({**before, "lastAttemptedRevision": "1.0.4", "conditions": [*conditions, running]})
    assert (found.returned, found.failed, found.ready) == (False, False, False)
    assert found.says.startswith("Running 'upgrade' action")


def test_a_remaining_retry_is_not_a_failure() -> None:
    """Flux retries after a rollback; it stops after the last retry and after a failed rollback."""
    retrying, stalled = rolled_back("1.0.3", "1.0.2", stalled=False), rolled_back("1.0.3", "1.0.2")
    assert [of(retrying).failed, of(stalled).failed] == [False, True]
    assert [of(retrying).returned, of(stalled).returned] == [True, True]
    failed = condition(
        "Remediated", "False", "RollbackFailed", "Helm rollback failed", "2026-11-23T12:07:00Z"
    )
    assert of({"lastAttemptedRevision": "1.0.3", "conditions": [failed]}).failed


def test_a_suspended_release_is_reported() -> None:
    assert of(deployed("1.0.3"), suspend=True).says == "it is suspended"


def test_the_first_release_reports_its_missing_artifact() -> None:
    missing = "HelmChart 'site/site-site' is not ready"
    row = condition("Ready", "False", "ArtifactFailed", missing, "2026-11-23T12:00:00Z")
    assert of({"conditions": [row]}).says == missing
    assert of({}).says == "nothing yet"


def test_a_message_is_one_line_that_a_terminal_can_show() -> None:
    row = condition(
        "Ready", "False", "X", "1 error occurred:\n\t* pod\x1b[2J failed " + "x" * 900, "2026-11-23T12:00:00Z"
    )
    message = of({"conditions": [row]}).says
    assert message.startswith("1 error occurred: * pod [2J failed xxx")
    assert len(message) == 240


@pytest.mark.parametrize("output", [b"", b"[]", b"{}", b'{"spec": 1}', b'{"spec": {}, "status": []}', b"\xff",
                                  b'{"spec": {}, "status": {"conditions": [1]}}', b"[" * 100_000,
                                  b'{"spec": {}, "status": {"history": 1}}',
                                  b'{"spec": {"values": {"site": 3}}}'])  # fmt: skip
def test_output_that_is_not_a_helmrelease_is_refused(output: bytes) -> None:
    with pytest.raises(ToolError, match="its output is not a HelmRelease"):
        parse_release(output)
