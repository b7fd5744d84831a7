"""This product's own chart on the cluster of kubeadm, behind the edge, found through the name servers.

After test_cluster, whose cluster it takes.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.e2e.browser import chromium
from tests.nodes.e2e.conftest import ADMIN, ClusterOperator
from tests.nodes.e2e.release import EDGE_PORT, HOST, IMAGE, TITLE, Release, make_release
from tests.nodes.lab.machines import Machine
from tests.nodes.lab.pebble import Pebble, pebble
from tests.support.tools import need

pytestmark = pytest.mark.nodes
EDGE = "172.31.0.13"  # n3
_VALUES = (
    "edge.mode=nodeport",
    f"edge.nodeport.port={EDGE_PORT}",
    "edge.trusted={10.90.0.13/32}",
    "cluster.pods={10.244.0.0/16}",
    "web.replicas=2",
)


def send(machine: Machine, file: Path, target: str) -> None:
    """Copy *file* to a machine."""
    with file.open("rb") as opened:
        subprocess.run(machine.argv("sh", "-c", 'cat > "$1"', "sh", target), stdin=opened, check=True)


def helm(operator: ClusterOperator, *words: str) -> str:
    """Run helm on the first control plane."""
    argv = ("env", "HOME=/var/tmp", "/var/tmp/helm", *words, "--namespace", "site", "--kubeconfig", ADMIN)
    return operator.lab.machines["n1"].run(*argv)


@pytest.fixture(scope="module")
def release(operator: ClusterOperator, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release, its image on the nodes for pods, and site.toml beside the inventory."""
    found = make_release(tmp_path_factory.mktemp("release"))
    for name in ("n1", "n3"):
        machine = operator.lab.machines[name]
        send(machine, found.image, "/var/tmp/web.tar")
        machine.run(
            "ctr",
            "--namespace=k8s.io",
            "images",
            "import",
            "--digests",
            "--base-name",
            IMAGE,
            "/var/tmp/web.tar",
        )
    shutil.copy(found.project / "site.toml", operator.directory.parent)
    return found


@pytest.fixture(scope="module")
def authority(operator: ClusterOperator) -> Iterator[Pebble]:
    """An authority on n2 that finds the site by the name servers."""
    machines = operator.lab.machines
    with pebble(machines["n2"], "n2", machines["n3"], hosts={}, dns="10.90.0.13:53") as running:
        yield running


def test_the_chart_is_installed(operator: ClusterOperator, release: Release) -> None:
    machine = operator.lab.machines["n1"]
    send(machine, Path(need("helm")), "/var/tmp/helm")
    machine.run("chmod", "755", "/var/tmp/helm")
    send(machine, release.chart, "/var/tmp/site.tgz")
    options = ("--create-namespace", "--set", ",".join(_VALUES), "--wait", "--timeout", "240s")
    assert "STATUS: deployed" in helm(operator, "install", "site", "/var/tmp/site.tgz", *options)
    assert "Succeeded" in helm(operator, "test", "site", "--timeout", "180s")


def test_the_name_servers_and_the_edge(
    operator: ClusterOperator, release: Release, authority: Pebble
) -> None:
    operator.edit(r'(name = "n1"\n(?:public_key.*\n)?roles = \[)', r'\1"dns", ')
    operator.edit(r'(name = "n3"\n(?:public_key.*\n)?roles = \[)', r'\1"edge", "dns", ')
    text = operator.inventory.read_text()
    operator.inventory.write_text(
        f'{text}\n[dns]\nprimary = "n3"\n\n[acme]\ndirectory = "{authority.directory}"\n'
    )
    changed = operator.states("firewall.apply")
    assert changed == {"n1": "changed", "n2": "unchanged", "n3": "changed"}
    assert operator.states("dns.apply") == {"n3": "changed", "n1": "changed"}
    assert operator.states("edge.apply") == {"n3": "changed"}
    operator.run("dns.apply")  # the key of the certificate
    for task, names in (("dns.apply", ("n3", "n1")), ("edge.apply", ("n3",))):
        assert operator.states(task) == dict.fromkeys(names, "unchanged")


def test_a_reader_finds_the_site_by_its_name(
    operator: ClusterOperator, release: Release, authority: Pebble, tmp_path: Path
) -> None:
    """By the secondary, with the certificate of the authority, over HTTP/2, from pods of the cluster."""
    root = authority.root(operator.lab.machines["n3"])
    with chromium(operator.lab, tmp_path, "172.31.0.11", root) as browser:
        page = browser.new_page()
        response = page.goto(f"https://{HOST}/")
        assert response is not None
        assert (response.status, response.server_addr()) == (200, {"ipAddress": EDGE, "port": 443})
        details = response.security_details()
        assert details is not None
        assert (details["issuer"] or "").startswith("Pebble Intermediate CA")
        assert page.title() == TITLE
        assert "Served by pods of this cluster." in page.inner_text("main")
        version = page.goto(f"https://{HOST}/version.json")
        assert version is not None
        assert version.json()["version"] in release.chart.name
