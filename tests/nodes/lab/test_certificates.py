"""Certificates of the edge, by certbot from an ACME authority in the lab; after test_tasks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.lab.conftest import Operator
from tests.nodes.lab.pebble import Pebble, pebble
from tests.nodes.lab.test_tasks import check_three_runs
from tests.support.project import ROOT

pytestmark = pytest.mark.nodes
EDGE = "172.31.0.11"
LIVE = "/etc/letsencrypt/live/small.example"


@pytest.fixture(scope="module")
def authority(operator: Operator) -> Iterator[Pebble]:
    """An authority on n2 that finds the site on n1; nodes.toml names it."""
    text = operator.inventory.read_text()
    machines = operator.lab.machines
    with pebble(machines["n2"], "n2", machines["n1"], hosts={"small.example": EDGE}) as running:
        operator.inventory.write_text(f'{text}\n[acme]\ndirectory = "{running.directory}"\n')
        yield running
    operator.inventory.write_text(text)


def openssl(operator: Operator, *argv: str) -> str:
    return operator.lab.machines["n1"].run("openssl", *argv).strip()


def served(operator: Operator, *options: str) -> str:
    """Return what openssl-x509 prints of the certificate that the edge shows, as seen from outside."""
    connect = ("openssl", "s_client", "-connect", f"{EDGE}:443", "-servername", "small.example")
    argv = operator.lab.command(*connect)
    shown = subprocess.run(argv, input="", capture_output=True, text=True, timeout=20, check=False).stdout
    reader = ("openssl", "x509", "-noout", *options)
    return subprocess.run(reader, input=shown, capture_output=True, text=True, check=True).stdout.strip()


def test_the_first_certificate(operator: Operator, authority: Pebble, tmp_path: Path) -> None:
    """The edge serves a self-signed one before, which NGINX needs to answer HTTP-01."""
    assert served(operator, "-issuer").endswith("CN = small.example")
    check_three_runs(operator, "edge.apply", ("n1",))
    root = tmp_path / "root.pem"
    root.write_text(authority.root(operator.lab.machines["n1"]))
    for version in ("1.2", "1.3"):
        argv = operator.lab.command(
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{ssl_verify_result}",
            "--cacert", str(root), f"--tlsv{version}", "--tls-max", version,
            "--resolve", f"small.example:443:{EDGE}",
            "https://small.example/",
        )  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == "2 0", version
    timer = operator.lab.machines["n1"].run("systemctl", "is-active", "certbot.timer")
    assert timer.strip() == "active"


def test_a_renewal_serves_another_certificate_of_the_same_key(operator: Operator, authority: Pebble) -> None:
    """TLSA records name the key: they stay valid."""
    serial, key = served(operator, "-serial"), served(operator, "-pubkey")
    ((name, early),) = operator.run("edge.renew").items()
    assert (name, early["state"]) == ("n1", "unchanged")
    assert early["notes"] == [f"small.example: serial {serial.removeprefix('serial=')}, 89 days"]
    assert operator.states("edge.renew", "--force", "--dry-run") == {"n1": "would change"}
    assert served(operator, "-serial") == serial
    done = operator.run("edge.renew", "--force")["n1"]
    assert [one["what"] for one in done["changes"]] == ["renew the certificate for small.example"]
    new = served(operator, "-serial")
    assert new != serial
    assert done["notes"][0].startswith(f"small.example: serial {serial[7:]} became {new[7:]}, 89 days")
    assert openssl(operator, "x509", "-noout", "-serial", "-in", f"{LIVE}/fullchain.pem") == new
    assert served(operator, "-pubkey") == key
    assert operator.states("edge.apply") == {"n1": "unchanged"}


def test_a_certificate_that_is_not_served_is_found_and_repaired(
    operator: Operator, authority: Pebble
) -> None:
    """A renewal without a reload goes unseen for weeks otherwise, and then readers see an error."""
    hook = "/etc/letsencrypt/renewal-hooks/deploy/10-nginx"
    machine = operator.lab.machines["n1"]
    old = served(operator, "-serial")
    machine.run("chmod", "644", hook)
    machine.run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", "--quiet")
    assert served(operator, "-serial") == old
    new = openssl(operator, "x509", "-noout", "-serial", "-in", f"{LIVE}/fullchain.pem")
    row = next(line for line in operator.fab("status").stdout.splitlines() if line.startswith("n1"))
    assert f"port 443 shows {old[7:]} for small.example, and the file has {new[7:]}" in row
    assert f"{hook} differs from nodes.toml: edge.apply" in row
    done = operator.run("edge.apply")["n1"]
    assert [one["what"] for one in done["changes"]] == [
        f"write {hook} (644 root root becomes 755 root root)",
        "reload NGINX with its certificates",
    ]
    assert served(operator, "-serial") == new
    assert operator.states("edge.apply") == {"n1": "unchanged"}
    status = operator.fab("status")
    assert status.stdout.splitlines()[1].split()[:2] == ["n1", "ok"], status.stdout


def test_the_golden_configuration_is_valid_on_debian_13(operator: Operator) -> None:
    """Two sites, webhooks and the policy host, which the lab's own edge does not have."""
    golden = ROOT / "tests/nodes/golden/edge1/etc/nginx/nginx.conf"
    text = golden.read_text("utf-8").partition("\n")[2].replace("/etc/nodes/tls", "/tmp/tls")
    names = set(re.findall(r"/tmp/tls/([^/]+)/", text))
    assert len(names) == 3
    script = """set -eu
text="$1"; shift
mkdir -p /tmp/tls
for name; do cp -rL /etc/nodes/tls/small.example "/tmp/tls/$name"; done
printf %s "$text" > /tmp/nginx.conf
nginx -t -q -c /tmp/nginx.conf 2>&1
rm -r /tmp/tls
"""
    assert operator.lab.machines["n1"].run("sh", "-c", script, "sh", text, *sorted(names)) == ""
