"""What Flux says of itself, through the real kubectl, and what is made of it."""

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
from tests.support.delivery.status_site import Runner, Stage
from tests.support.previews import free_port
from tests.support.tools import need

URL = "https://small.example"


@pytest.fixture
def kube(stage: Stage, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that the kubeconfig of the command leads to."""
    need("kubectl")
    with cluster() as told:
        stage.env["KUBECONFIG"] = str(told.kubeconfig(tmp_path))
        yield told


def test_since_when_is_what_flux_says(stage: Stage, status: Runner, kube: Cluster) -> None:
    """When the rollout had ended, not when it began: until then some readers saw the old site."""
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    kube.release = release(stage.door.url, deployed("1.0.3", "2026-01-02T03:04:05Z"))
    found = status("--json").result
    one = found["environments"][0]
    assert one["rollout"] == {
        "attempted": "1.0.3", "deployed": "1.0.3", "since": 1767323045, "ready": True, "failed": False,
        "returned": False, "says": "", "fault": "",
    }  # fmt: skip
    days = (found["at"] - 1767323045) // 86400
    assert one["says"] == f"commit {stage.commits[2][:7]} is live since {days} d; as main is"


def test_published_and_not_rolled_out_with_what_flux_says(
    stage: Stage, status: Runner, kube: Cluster
) -> None:
    stage.publish(2)
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    kube.release = release(stage.door.url, upgrading("1.0.3", "1.0.2"))
    said = "1.0.3 is published, not rolled out: HelmRelease: Running 'upgrade' action with timeout of 5m0s"
    assert said in status().row


def test_a_release_that_was_taken_back_is_told(stage: Stage, status: Runner, kube: Cluster) -> None:
    """What failed comes first: Flux's own summary tells of the rollback alone."""
    stage.publish(2)
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    kube.release = release(stage.door.url, rolled_back("1.0.3", "1.0.2"))
    row = status().row
    assert f"commit {stage.commits[1][:7]} is live (rolled back: 1.0.3 has failed)" in row
    assert "HelmRelease: Helm upgrade failed for release site/site.v5 with chart site@1.0.3" in row
    assert row.endswith("1 commit behind main")


def test_a_cluster_of_another_environment_tells_nothing_of_this_one(
    stage: Stage, status: Runner, kube: Cluster
) -> None:
    """One kubeconfig is one cluster; the address in its values says whose."""
    stage.door.pods = [stage.pod(3)]
    stage.configure(production="http://127.0.0.1:9", staging=stage.door.url)
    kube.release = release(stage.door.url, deployed("1.0.3"))
    production, staging = (one["rollout"] for one in status("--json").result["environments"])
    assert (staging["deployed"], staging["fault"]) == ("1.0.3", "")
    assert (production["deployed"], production["fault"]) == ("", f"the kubeconfig is of {stage.door.url}")


@pytest.mark.parametrize(
    ("mute", "found", "fault"),
    [
        (False, None,          '"site" not found'),
        (False, {"spec": []},  "its output is not a HelmRelease"),
        (True,  None,          "kubectl: "),
    ],
)  # fmt: skip
def test_a_cluster_that_does_not_help_is_told(
    stage: Stage, status: Runner, kube: Cluster, mute: bool, found: object, fault: str
) -> None:
    stage.door.pods = [stage.pod(3)]
    kube.hangs = mute
    kube.release = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
                    "metadata": {"name": "site"}, **found} if isinstance(found, dict) else None  # fmt: skip
    done = status("--deadline", "2", "--json")
    one = done.result["environments"][0]
    assert (done.code, one["live"]) == (0, True)
    assert fault in one["rollout"]["fault"]
    assert "the HelmRelease is unknown (" in one["says"]


def test_of_what_kubectl_logs_the_end_is_told(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """It writes a line for each of five tries, and then what a person wants to know."""
    need("kubectl")
    told = Cluster(port=free_port())
    stage.env["KUBECONFIG"] = str(told.kubeconfig(tmp_path))
    stage.door.pods = [stage.pod(3)]
    said = status("--json").result["environments"][0]["rollout"]["fault"]
    assert said.startswith(f"kubectl: The connection to the server 127.0.0.1:{told.port} was refused")


def test_a_kubeconfig_without_kubectl_is_told(
    stage: Stage, status: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.door.pods = [stage.pod(3)]
    config = tmp_path / "home/.kube/config"
    config.parent.mkdir()
    config.write_text("{}")
    monkeypatch.setattr(shell, "run_program", _missing)
    said = status("--json").result["environments"][0]["rollout"]["fault"]
    assert said == "kubectl: not installed, or not on the PATH"


def _missing(*words: object, **more: object) -> bytes:
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


def test_another_try_is_not_the_end() -> None:
    """With tries left Flux goes on after a rollback; without, or when the rollback fails, it does not."""
    again, over = rolled_back("1.0.3", "1.0.2", stalled=False), rolled_back("1.0.3", "1.0.2")
    assert [of(again).failed, of(over).failed] == [False, True]
    assert [of(again).returned, of(over).returned] == [True, True]
    lost = condition("Remediated", "False", "RollbackFailed", "Helm rollback failed", "2026-11-23T12:07:00Z")
    assert of({"lastAttemptedRevision": "1.0.3", "conditions": [lost]}).failed


def test_a_suspended_release_says_so() -> None:
    assert of(deployed("1.0.3"), suspend=True).says == "it is suspended"


def test_before_the_first_release_it_says_what_it_lacks() -> None:
    lacks = "HelmChart 'site/site-site' is not ready"
    row = condition("Ready", "False", "ArtifactFailed", lacks, "2026-11-23T12:00:00Z")
    assert of({"conditions": [row]}).says == lacks
    assert of({}).says == "nothing yet"


def test_a_message_is_one_line_that_a_terminal_can_show() -> None:
    row = condition(
        "Ready", "False", "X", "1 error occurred:\n\t* pod\x1b[2J failed " + "x" * 900, "2026-11-23T12:00:00Z"
    )
    said = of({"conditions": [row]}).says
    assert said.startswith("1 error occurred: * pod [2J failed xxx")
    assert len(said) == 240


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"spec": 1}', b'{"spec": {}, "status": []}', b"\xff",
                                  b'{"spec": {}, "status": {"conditions": [1]}}', b"[" * 100_000,
                                  b'{"spec": {}, "status": {"history": 1}}',
                                  b'{"spec": {"values": {"site": 3}}}'])  # fmt: skip
def test_what_is_no_helmrelease_is_refused(said: bytes) -> None:
    with pytest.raises(ToolError, match="its output is not a HelmRelease"):
        parse_release(said)
