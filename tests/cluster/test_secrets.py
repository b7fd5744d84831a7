"""Secrets on a cluster: keys are rotated under a logged-in member, and the release reads only its own."""

from __future__ import annotations

import base64
import json

import pytest

from tests.cluster import figures, members, site
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

ACCOUNT = "--as=system:serviceaccount:site:release"  # under which Flux installs the chart


@pytest.mark.parametrize("keys", ["secret-keys", "encryption-keys"])
def test_keys_rotate_in_three_rollouts(there: Layout, kubectl: Kubectl, keys: str) -> None:
    """Accept, use, remove: pods of both sides of a rollout verify what the others have signed.

    The guide removes an old key after a day, when every session is of the new one: they last 12 hours.
    """
    email = f"{keys}@example.org"
    session = members.logged_in(there, email, keys)
    file = there.run / "secrets" / "keys.yaml"
    requests, faults = 0, []
    for steps in (("introduce", "use"), ("retire",)):
        with reading(5, session, pause=2.0) as readers:
            for step in steps:
                site.pipelines(there, "secrets", "--rotate", "site-keys", keys, str(file), "--step", step)
                kubectl("apply", "-f", str(file))
                kubectl("-n", "site", "rollout", "restart", "deployment/site-api")
                kubectl("-n", "site", "rollout", "status", "deployment/site-api", "--timeout=300s")
        requests += sum(readers.requests.values())
        faults += readers.faults
        session = members.Session()
        assert session.login(email)[0] == 200
    figures.write(
        f"Rotation of {keys}",
        "Three steps, each with a rollout of three login pods, while a member stays logged in and others "
        f"read: {len(faults)} of {requests:,} requests failed. Before the last step the member logs in "
        "again, as all members have a day later.",
    )
    assert faults == []


@pytest.mark.parametrize("namespace", ["database", "flux-system", "kube-system", "default"])
def test_the_release_reads_no_secret_of_another_namespace(kubectl: Kubectl, namespace: str) -> None:
    """What a chart can do ends with its namespace, whoever published it."""
    with pytest.raises(RuntimeError, match="Forbidden"):
        kubectl("-n", namespace, "get", "secrets", ACCOUNT)
    assert "site-keys" in kubectl("-n", "site", "get", "secrets", ACCOUNT)


def test_the_release_changes_no_roles(kubectl: Kubectl) -> None:
    """Else it could give itself the rest."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "more", "namespace": "site"},
        "rules": [],
    }
    with pytest.raises(RuntimeError, match="forbidden"):
        kubectl("apply", "-f", "-", ACCOUNT, text=json.dumps(role))


def test_the_chart_is_read_with_a_login_that_cannot_write(kubectl: Kubectl) -> None:
    """Flux has the reader of the chart repository; a stolen one publishes nothing."""
    secret = kubectl.get("-n", "site", "secret", "charts")["data"]
    assert base64.b64decode(secret["username"]).decode() == site.READER[0]
