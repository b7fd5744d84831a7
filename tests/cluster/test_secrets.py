"""Secrets on a cluster: decrypted by Flux, rotated under a member, and the release reads only its own."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import yaml

from tests.cluster import encrypted_secrets, figures, members, processes, site
from tests.cluster.encrypted_secrets import FOLDER
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

ACCOUNT = "--as=system:serviceaccount:site:release"  # under which Flux installs the chart
FLUX = "kustomize.toolkit.fluxcd.io/name"  # label of what a Kustomization has applied


def committed(there: Layout) -> dict[str, str]:
    """Return the files of Secrets in the newest commit."""
    names = site.git(there, "ls-files", "--", f"{FOLDER}/*.yaml").splitlines()
    return {name: site.git(there, "show", f"HEAD:{name}") for name in names if "kustomization" not in name}


def values(secret: dict[str, Any]) -> dict[str, str]:
    """Return the values of a Secret of the cluster."""
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_secrets_are_encrypted_in_git_and_decrypted_in_the_cluster(there: Layout, kubectl: Kubectl) -> None:
    """Step 2 of the guide: whoever reads the repository learns names, and Flux applies the values."""
    found = committed(there)
    assert {name.rpartition("/")[2] for name in found} >= {"keys.yaml", "receiver.yaml", "charts.yaml"}
    for name, text in found.items():
        encrypted, clear = yaml.safe_load(text), yaml.safe_load(encrypted_secrets.decrypt(there, name))
        metadata = clear["metadata"]
        assert metadata == encrypted["metadata"]
        assert all(value.startswith("ENC[AES256_GCM,") for value in encrypted["stringData"].values()), name
        secret = kubectl.get("-n", metadata["namespace"], "secret", metadata["name"])
        assert values(secret) == clear["stringData"]
        assert secret["metadata"]["labels"][FLUX] == "secrets"
        assert not any(value.strip() in text for value in values(secret).values() if len(value) > 8), name
    private = encrypted_secrets.age_key(there).read_text().splitlines()[-1]
    assert private.startswith("AGE-SECRET-KEY-")
    assert site.git(there, "log", "--all", "--oneline", "-S", private) == ""


def test_a_secret_comes_and_goes_with_its_commit(there: Layout, kubectl: Kubectl) -> None:
    """A new one is in the cluster seconds after the push, and one that is removed from Git is deleted."""
    file = encrypted_secrets.make(there, "mail", "--user", "login", value="0123 and more")
    site.pipelines(there, "settings")
    commit = site.commit(there, "Add the login of the mail server")
    begun = time.monotonic()
    site.push(there)
    encrypted_secrets.wait_until_applied(there, commit)
    seconds = time.monotonic() - begun
    assert values(kubectl.get("-n", "site", "secret", "mail")) == {
        "user": "login",
        "password": "0123 and more",
    }
    (there.site / file).unlink()
    site.pipelines(there, "settings")
    commit = site.commit(there, "Remove the login of the mail server")
    site.push(there)
    encrypted_secrets.wait_until_applied(there, commit)
    processes.wait_until(
        lambda: kubectl("-n", "site", "get", "secret", "mail", "--ignore-not-found") == "",
        30,
        "the removed Secret is not deleted",
    )
    figures.write(
        "An encrypted Secret, from git push to the cluster",
        f"`secrets --sops`, commit, push: Flux had decrypted and applied it after {seconds:.1f} s. "
        "Its removal from Git deleted it.",
    )


@pytest.mark.parametrize("keys", ["secret-keys", "encryption-keys"])
def test_keys_rotate_in_three_rollouts(there: Layout, kubectl: Kubectl, keys: str) -> None:
    """Accept, use, remove: pods of both sides of a rollout verify what the others have signed.

    As the guide has it, in the encrypted file. It removes an old key after a day, when every session is of
    the new one: they last 12 hours.
    """
    email = f"{keys}@example.org"
    session = members.logged_in(there, email, keys)
    opens = {"SOPS_AGE_KEY_FILE": str(encrypted_secrets.age_key(there))}
    words = ("secrets", "--rotate", "site-keys", keys, f"{FOLDER}/keys.yaml")
    requests, faults = 0, []
    for steps in (("introduce", "use"), ("retire",)):
        with reading(5, session, pause=2.0) as readers:
            for step in steps:
                site.pipelines(there, *words, "--step", step, extra=opens)
                commit = site.commit(there, f"Rotate {keys}: {step}")
                site.push(there)
                encrypted_secrets.wait_until_applied(there, commit)
                kubectl("-n", "site", "rollout", "restart", "deployment/site-api")
                kubectl("-n", "site", "rollout", "status", "deployment/site-api", "--timeout=300s")
        requests += sum(readers.requests.values())
        faults += readers.faults
        session = members.Session()
        assert session.login(email)[0] == 200
    figures.write(
        f"Rotation of {keys}",
        "Three steps, each a commit of the encrypted file and a rollout of three login pods, while a member "
        f"stays logged in and others read: {len(faults)} of {requests:,} requests failed. Before the last "
        "step the member logs in again, as all members have a day later.",
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
    assert base64.b64decode(secret["username"]).decode() == encrypted_secrets.READER[0]
