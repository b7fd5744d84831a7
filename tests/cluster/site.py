"""The site of this checkout on the cluster: its settings, Secrets, images and releases.

Runs inside the namespaces. Writes a checkout of its own, and pushes from there.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster import debian, images, processes, programs
from tests.cluster.kubectl import Kubectl, is_ready
from tests.cluster.layout import (
    EDGE_PORT,
    GHCR,
    GIT,
    HERE,
    HOST,
    MAIL,
    NEXUS,
    PODS,
    REGISTRY,
    ROOT,
    SITE,
    STORAGE,
    Layout,
    layout,
)
from tests.support.registry import LOGIN

OPERATOR_IMAGE = f"{GHCR}/zalando/postgres-operator:v1.15.1"
SPILO_IMAGE = f"{GHCR}/zalando/spilo-17:4.0-p3"
STORAGE_LOGIN = ("writer", "a secret of the writer")
_HOST_ONLY = f'["{HOST}/32"]'
_BUCKET_CA = "flux/bucket-ca.pem"
# Values of site.toml for this cluster: TOML by table and key.
SETTINGS: dict[str, dict[str, str]] = {
    "[site]": {"url": f'"https://{SITE}"'},
    "[images]": {"registry": f'"{REGISTRY}/site"'},
    "[chart]": {"repository": f'"https://{NEXUS}/repository/helm"'},
    "[buckets]": {
        "endpoint": f'"https://{STORAGE}"',
        "assets": '"assets"',
        "archive": '"archive"',
        "ca": f'"{_BUCKET_CA}"',
    },
    "[[environment]]": {
        "url": f'"https://{SITE}"',
        "edge": '"nodeport"',
        "edge_port": str(EDGE_PORT),
        "trusted": _HOST_ONLY,
        "pods": f'["{PODS}"]',
        "mail_host": f'"{MAIL}"',
        "mail_tls": '"none"',
        "mail_login": "false",
        "mail_networks": _HOST_ONLY,
        "database_size": '"1Gi"',
        "backup_bucket": '"backups"',
        "backup_endpoint": '""',
        "bucket_networks": _HOST_ONLY,
        "private": '["charts", "images"]',
    },
}


def change_settings(text: str, settings: Mapping[str, Mapping[str, str]]) -> str:
    """Return *text*, a site.toml, with other values; comments stay."""
    for table, values in settings.items():
        head, mark, tail = text.partition(f"\n{table}\n")
        assert mark, f"site.toml: no table {table}"
        for key, value in values.items():
            pattern = rf"^({key}\s*=\s*)[^\n#]*?(\s*(?:#[^\n]*)?)$"
            tail, count = re.subn(pattern, lambda m, v=value: f"{m[1]}{v}{m[2]}", tail, count=1, flags=re.M)  # type: ignore[misc]
            assert count, f"site.toml: {table} has no {key}"
        text = head + mark + tail
    return text


def git(there: Layout, *words: str) -> str:
    """Run Git in the checkout of the site."""
    return processes.run(there, ["git", "-C", there.site, *words]).strip()


def check_out(there: Layout) -> None:
    """Make a clone of this checkout, with its uncommitted changes, and the settings of this cluster."""
    processes.run(there, ["git", "clone", "-q", ROOT, there.site])
    git(there, "checkout", "-q", "-B", "main")
    git(there, "config", "user.name", "Operator")
    git(there, "config", "user.email", "operator@example.org")
    git(there, "remote", "set-url", "origin", f"https://{GIT}/site.git")
    changes = processes.run(there, ["git", "-C", ROOT, "diff", "--binary", "HEAD"])
    if changes:
        processes.run(there, ["git", "-C", there.site, "apply"], text=changes)
    toml = there.site / "site.toml"
    toml.write_text(change_settings(toml.read_text("utf-8"), SETTINGS), "utf-8")
    shutil.copyfile(there.authority, there.site / _BUCKET_CA)
    for name in ("base", "wheels"):
        shutil.copytree(ROOT / "out" / name, there.site / "out" / name)
    pipelines(there, "settings")
    commit(there, "Set up the site of this cluster")
    push(there)
    git(there, "fetch", "-q", "origin")
    git(there, "remote", "set-head", "origin", "main")  # a version of another branch is a preview


def commit(there: Layout, subject: str) -> str:
    """Commit all changes; return the commit."""
    git(there, "add", "--all")
    git(there, "commit", "-q", "-m", subject)
    return git(there, "rev-parse", "HEAD")


def push(there: Layout) -> None:
    """Push main, and call Flux's Receiver, where there is one, as GitLab's webhook does."""
    git(there, "push", "-q", "origin", "main")
    found = _receiver(there, "gitlab")
    if found:
        url, token = found
        headers = ["-H", "X-Gitlab-Event: Push Hook", "-H", f"X-Gitlab-Token: {token}"]
        processes.run(there, ["curl", "-sS", "--fail", "-X", "POST", *headers, "-d", "{}", url])


def signing_key(there: Layout) -> Path:
    """Return the file of the key that signs images and charts; without it nothing is signed."""
    return there.run / "signing.key"


def _credentials(there: Layout) -> dict[str, str]:
    """Return the variables of the pipeline."""
    auth = there.run / "auth.json"
    login = base64.b64encode(":".join(LOGIN).encode()).decode()
    auth.write_text(json.dumps({"auths": {REGISTRY: {"auth": login}}}))
    auth.chmod(0o600)
    key, secret = STORAGE_LOGIN
    signing = signing_key(there)
    return {
        **({"SITE_SIGNING_KEY_FILE": str(signing)} if signing.exists() else {}),
        "SITE_REGISTRY_USER": LOGIN[0],
        "SITE_REGISTRY_PASSWORD": LOGIN[1],
        "SITE_CHARTS_USER": LOGIN[0],
        "SITE_CHARTS_PASSWORD": LOGIN[1],
        **{f"SITE_{name}_KEY": key for name in ("ASSETS", "ARCHIVE")},
        **{f"SITE_{name}_SECRET": secret for name in ("ASSETS", "ARCHIVE")},
        "SITE_CA_FILE": str(there.authority),
        "REGISTRY_AUTH_FILE": str(auth),
    }


def _receiver(there: Layout, name: str) -> tuple[str, str] | None:
    """Return address and token of a Receiver; None while Flux has not made it."""
    kubectl = Kubectl(there)
    try:
        path = kubectl.get("-n", "flux-system", "receiver", name)["status"]["webhookPath"]
        token = kubectl.get("-n", "flux-system", "secret", "receiver")["data"]["token"]
    except (RuntimeError, KeyError):
        return None
    return f"https://{SITE}{path}", base64.b64decode(token).decode()


def webhook(there: Layout) -> dict[str, str]:
    """Return the variables of Flux's Receiver for the pipeline."""
    found = _receiver(there, "published")
    return dict(zip(("SITE_FLUX_URL", "SITE_FLUX_TOKEN"), found, strict=True)) if found else {}


def pipelines(
    there: Layout, *words: str, text: str = "", extra: Mapping[str, str] | None = None, timeout: float = 900
) -> str:
    """Run `python -m pipelines` in the checkout of the site, as its pipeline does; return its stdout."""
    environ = {**processes.environment(there), **_credentials(there), **(extra or {})}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *words],
        cwd=there.site,
        env=environ,
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        command = " ".join(words)
        raise RuntimeError(f"pipelines {command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def publish(there: Layout, *options: str) -> Any:
    """Run every step from the newest commit to a published chart; return the result."""
    return json.loads(pipelines(there, "run", "--unchecked", "--json", *options, extra=webhook(there)))


def push_public_images(there: Layout) -> None:
    """Send the operator's image and that of the database to where the operator's chart looks for them."""
    with tempfile.TemporaryDirectory(dir=there.base) as name:
        folder = Path(name)
        operator = programs.OPERATOR.program(there.cache)
        images.write_archive(folder / "operator.tar", OPERATOR_IMAGE, "/postgres-operator", operator)
        root = debian.database_root(there.cache)
        files = {f"/spilo/{file.name}": file for file in sorted((HERE / "spilo").glob("*.py"))}
        files["/etc/ssl/certs/ca-certificates.crt"] = there.bundle  # the object storage's
        entrypoint = ["python3", "-m", "spilo.launch"]
        images.write_layout(folder / "spilo", SPILO_IMAGE, root, files, entrypoint)
        for source, image in (("oci-archive:operator.tar", OPERATOR_IMAGE), ("oci:spilo", SPILO_IMAGE)):
            processes.run(there, ["skopeo", "copy", "-q", source, f"docker://{image}"], cwd=folder)


def wait_until_live(there: Layout, timeout: float = 600) -> None:
    """Wait until all Kustomizations are ready, and with them the release."""
    kubectl = Kubectl(there)

    def ready() -> bool:
        found = kubectl.items("-n", "flux-system", "kustomizations")
        return "apps" in {one["metadata"]["name"] for one in found} and all(map(is_ready, found))

    processes.wait_until(ready, timeout, "Flux has not applied everything", pause=0.5)


def manage(there: Layout, *words: str, text: str = "") -> str:
    """Run manage.py in a login pod."""
    kubectl = Kubectl(there)
    entry = ["-n", "site", "exec", "-i", "deployment/site-api", "--", "python3", "api/manage.py"]
    return kubectl(*entry, *words, text=text)


if __name__ == "__main__":
    try:
        print(pipelines(layout(), *sys.argv[1:], extra=webhook(layout())), end="")
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
