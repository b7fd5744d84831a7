"""The Secrets of the site as the operator's guide makes them: encrypted by SOPS, committed, applied by Flux.

Runs inside the namespaces. Writes flux/secrets and .sops.yaml of the site's checkout, and beside it the age
key, which is in no commit.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.cluster import processes, site
from tests.cluster.kubectl import Kubectl, is_ready
from tests.cluster.layout import REGISTRY, Layout
from tests.support.registry import LOGIN

FOLDER = "flux/secrets/production"
READER = ("flux", "another password")  # of the fake Nexus
# Arguments of `pipelines secrets`, and the password on its standard input.
SECRETS = (
    (("keys",), ""),
    (("receiver",), ""),
    (("charts", "--user", READER[0]), READER[1]),
    (("backup", "--user", site.STORAGE_LOGIN[0]), site.STORAGE_LOGIN[1]),
    (("images", "--server", REGISTRY, "--user", LOGIN[0]), LOGIN[1]),
)


def age_key(there: Layout) -> Path:
    """Return the file of the private key, as the guide has it: outside of the checkout."""
    return there.base / "site.agekey"


def recipients(rules: str, public: str) -> str:
    """Return *rules*, a .sops.yaml, that encrypts to the age key *public*."""
    text, count = re.subn(r"(?m)^    age: .*", f"    age: {public}", rules)
    assert count == 1, ".sops.yaml has no line of an age key"
    return text


def make(there: Layout, *words: str, value: str = "") -> str:
    """Make a Secret by `pipelines secrets`, with *value* on its stdin; return its file in the checkout."""
    file = f"{FOLDER}/{words[0]}.yaml"
    (there.site / file).unlink(missing_ok=True)  # the command replaces no file
    site.pipelines(there, "secrets", *words, "--sops", "--out", file, text=f"{value}\n")
    return file


def decrypt(there: Layout, file: str) -> str:
    """Return a file of the checkout, decrypted with the age key."""
    key = f"SOPS_AGE_KEY_FILE={age_key(there)}"
    return processes.run(there, ["env", key, "sops", "decrypt", str(there.site / file)])


def commit_all(there: Layout) -> None:
    """Make the age key and all Secrets, step 2 of the guide; commit and push them."""
    key = age_key(there)
    if not key.exists():
        processes.run(there, ["age-keygen", "-o", key])
    rules = there.site / ".sops.yaml"
    public = processes.run(there, ["age-keygen", "-y", key]).strip()
    rules.write_text(recipients(rules.read_text("utf-8"), public), "utf-8")
    Kubectl(there)("-n", "flux-system", "create", "secret", "generic", "sops-age", f"--from-file={key}")
    for words, value in SECRETS:
        make(there, *words, value=value)
    site.pipelines(there, "settings")  # the first file adds a part to the tree
    site.commit(there, "Add the Secrets, encrypted")
    site.push(there)


def wait_until_applied(there: Layout, commit: str, timeout: float = 120) -> None:
    """Wait until Flux has decrypted and applied the Secrets of *commit*."""
    kubectl = Kubectl(there)

    def applied() -> bool:
        found = kubectl.get("-n", "flux-system", "kustomization", "secrets")
        return is_ready(found) and str(found["status"].get("lastAppliedRevision")).endswith(commit)

    processes.wait_until(applied, timeout, f"Flux has not applied the Secrets of {commit}")
