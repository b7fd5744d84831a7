"""The configuration of the cluster's programs, rendered without starting them."""

from __future__ import annotations

import io
import json
import re
import tarfile
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core import config
from tests.cluster import (
    addons,
    api,
    cgroups,
    control_plane,
    edge,
    encrypted_secrets,
    figures,
    flux,
    images,
    login_probe,
    network,
    node,
    pki,
    readers,
    servers,
    site,
    supervisor,
)
from tests.cluster.layout import HERE, NODES, ROOT, Layout
from tests.fakes import nexus
from tests.support.project import write
from tests.support.registry import LOGIN

THERE = Layout(cache=Path("/cache"), base=Path("/base"))


def test_the_settings_of_the_cluster_are_valid() -> None:
    """A renamed key of site.toml shows here, and not after half an hour."""
    text = site.change_settings((ROOT / "site.toml").read_text("utf-8"), site.SETTINGS)
    (environment,) = config.parse_config(text).environments
    assert environment.url == "https://site.example.org"
    assert environment.trusted == ("172.30.0.1/32",)
    assert text.count("# ") == (ROOT / "site.toml").read_text("utf-8").count("# ")  # comments stay


def test_a_setting_that_is_gone_is_named() -> None:
    with pytest.raises(AssertionError, match=r"\[site\] has no gone"):
        site.change_settings("\n[site]\nurl = 'x'\n", {"[site]": {"gone": "1"}})


def test_the_edge_is_that_of_the_guide() -> None:
    """What an operator copies is what the tests run: its timeouts, retries and headers."""
    made = edge.config(THERE, edge.guide())
    example = edge.guide_edge(edge.guide())
    settings = re.findall(r"^\s+(proxy_\w+ [^;]+;|keepalive \d+;)", example, re.M)
    assert len(settings) > 8
    assert [line for line in settings if line not in made and "proxy_pass" not in line] == []
    servers_of_site = re.search(r"upstream site \{(.*?)\}", made, re.S)
    assert servers_of_site
    assert re.findall(r"server (\S+)", servers_of_site[1]) == [f"172.30.0.1{one}:30080" for one in NODES] * 2
    assert made.count("{") == made.count("}")


def test_every_name_outside_of_the_nodes_is_known_inside() -> None:
    hosts = network.hosts_file()
    corefile = addons.dns_manifest((HERE / "manifests" / "coredns.yaml").read_text("utf-8"))
    for name in (*edge.BACKENDS, "mail.example.org"):
        assert f"172.30.0.1 {name}\n" in hosts
        assert re.search(rf"^\s+172\.30\.0\.1 {re.escape(name)}$", corefile, re.M)
    assert "172.30.0.2 site.example.org\n" in hosts  # a reader is not the edge


def test_every_node_reaches_the_pods_of_the_others() -> None:
    lines = network.commands()
    for one in NODES:
        routes = [line for line in lines if line.startswith(f"ip -n node{one} route add 10.244.")]
        assert len(routes) == len(NODES) - 1
        assert not any(f"10.244.{one}.0/24" in line for line in routes)


def test_replies_and_probes_pass_before_the_queue() -> None:
    """A policy is about new connections, and excludes no probe of the node's own kubelet."""
    rules = addons.policy_rules(2)
    queued = [number for number, rule in enumerate(rules) if "NFQUEUE" in rule]
    returned = [number for number, rule in enumerate(rules) if "RETURN" in rule]
    assert len(queued) == len(returned) == 2
    assert max(returned) < min(queued)
    agent = (HERE / "manifests" / "policies.yaml").read_text("utf-8")
    assert f"--nfqueue-id={addons.QUEUE}" in agent


def test_manifests_name_images_of_the_cluster_only() -> None:
    """A pull from a public registry would time out: the network has no way out."""
    for file in (HERE / "manifests").glob("*.yaml"):
        text = file.read_text("utf-8")
        assert all(yaml.safe_load_all(text))
        assert set(re.findall(r"image: (\S+)", text)) <= {
            "docker.io/cluster/coredns:1",
            "docker.io/cluster/kube-network-policies:1",
        }


def test_a_kubelet_of_one_node_uses_nothing_of_another() -> None:
    for other in NODES[1:]:
        made = json.dumps(node.kubelet_config(other, THERE.node(other), THERE.pki, f"x/node{other}"))
        assert "node1" not in made
        assert "node1" not in node.containerd_config(THERE.node(other), "/usr/sbin/runc")
        assert f"10.244.{other}.0/24" in json.dumps(node.cni_config(other))


def test_no_two_controllers_listen_on_one_port() -> None:
    found = [
        port
        for name in ("source", "kustomize", "helm", "notification")
        for port in re.findall(r"(?:metrics-addr|health-addr|receiverAddr|storage-addr)=127\.0\.0\.1:(\d+)",
                               " ".join(flux.arguments(name, "/storage")))
    ]  # fmt: skip
    assert len(found) == len(set(found)) == 10


def test_the_dependency_interval_is_that_of_the_flux_tree() -> None:
    component = ROOT / "flux" / "clusters" / "components" / "controllers" / "kustomization.yaml"
    assert re.findall(r"value: (--.+)}", component.read_text("utf-8")) == list(flux.KUSTOMIZE)


def test_flux_follows_the_environment_of_the_tree() -> None:
    source, root = flux.bootstrap_manifests()
    assert source["spec"]["url"] == "https://git.example.org/site.git"
    assert (ROOT / root["spec"]["path"] / "kustomization.yaml").exists()


def test_the_login_of_the_chart_repository_is_that_of_the_fake() -> None:
    assert nexus.Nexus().reader == encrypted_secrets.READER
    assert nexus.Nexus().writer == LOGIN


def test_the_rules_of_sops_encrypt_to_the_key_of_the_cluster() -> None:
    """The rest of .sops.yaml stays: it decides what is encrypted."""
    rules = (ROOT / ".sops.yaml").read_text("utf-8")
    ours = encrypted_secrets.recipients(rules, "age1ours")
    assert yaml.safe_load(ours)["creation_rules"] == [
        yaml.safe_load(rules)["creation_rules"][0] | {"age": "age1ours"}
    ]


def test_the_images_are_those_that_the_operator_pulls() -> None:
    release = (ROOT / "flux/infrastructure/postgres-operator/release.yaml").read_text("utf-8")
    version = site.OPERATOR_IMAGE.rpartition(":v")[2]
    assert f"version: {version}" in release
    go_mod = (HERE / "go" / "postgres-operator" / "go.mod").read_text("utf-8")
    assert f"github.com/zalando/postgres-operator v{version}" in go_mod


def test_an_image_of_a_program_is_complete(tmp_path: Path) -> None:
    """Each digest names a blob, as the image layout of OCI requires."""
    write(tmp_path / "program", b"#!")
    images.write_archive(tmp_path / "out.tar", "ghcr.io/a/b:1", "/bin/program", tmp_path / "program")
    with tarfile.open(tmp_path / "out.tar") as tar:
        files = {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar}
    index = json.loads(files["index.json"])
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "ghcr.io/a/b:1"
    manifest = json.loads(files[f"blobs/{index['manifests'][0]['digest'].replace(':', '/')}"])
    for part in (manifest["config"], *manifest["layers"]):
        data = files[f"blobs/{part['digest'].replace(':', '/')}"]
        assert (images.digest_of(data), len(data)) == (part["digest"], part["size"])


def test_every_key_that_a_program_is_given_exists(tmp_path: Path) -> None:
    there = Layout(cache=tmp_path, base=tmp_path)
    there.pki.mkdir()
    pki.create(there)
    lines = [control_plane.api_server(there.pki), control_plane.controller_manager(there.pki)]
    lines += [control_plane.scheduler(there.pki), [edge.config(there, edge.guide())]]
    lines += [[json.dumps(node.kubelet_config(one, there.node(one), there.pki, "x"))] for one in NODES]
    lines += [[json.dumps(node.proxy_config(1, there.pki))], [there.kubeconfig.read_text()]]
    named = set(re.findall(rf"{there.pki}/[\w.-]+", str(lines)))
    assert len(named) > 20
    assert [name for name in named if not Path(name).exists()] == []
    assert [file.name for file in there.pki.glob("*.key") if file.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("version", [1, 2])
def test_cgroups_are_made_in_each_hierarchy_and_removed(tmp_path: Path, version: int) -> None:
    roots = [tmp_path] if version == 2 else [tmp_path / "cpu", tmp_path / "cpuset"]
    for root in roots:
        write(root / "cgroup.procs", "")
        for name in ("cpus", "mems"):
            write(root / f"cpuset.{name}", "0-1\n")
    if version == 2:
        write(tmp_path / "cgroup.controllers", "cpu memory\n")
        write(tmp_path / "cgroup.subtree_control", "")
    cgroups.create("cluster/node1", tmp_path)
    assert [(root / "cluster" / "node1").is_dir() for root in roots] == [True] * len(roots)
    if version == 2:
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"  # the last of one write each
    else:
        assert (tmp_path / "cpuset" / "cluster" / "node1" / "cpuset.cpus").read_text() == "0-1\n"
        for file in (tmp_path / "cpuset").rglob("cluster/**/cpuset.*"):
            file.unlink()  # the kernel removes them with the cgroup
    assert cgroups.remove("cluster", tmp_path, timeout=0) == []
    assert [(root / "cluster").exists() for root in roots] == [False] * len(roots)


def test_a_response_of_git_is_split() -> None:
    output = b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno\r\n\r\nsuch"
    assert servers.split_response(output) == (404, [("Content-Type", "text/plain")], b"no\r\n\r\nsuch")
    headers = Message()
    headers["Git-Protocol"] = "version=2"
    made = servers.cgi_variables(Path("/git"), "GET", "/site.git/info/refs?service=x", headers)
    assert (made["PATH_INFO"], made["QUERY_STRING"]) == ("/site.git/info/refs", "service=x")
    assert made["GIT_PROTOCOL"] == "version=2"


def test_a_release_is_deployed_once_its_test_has_passed() -> None:
    """Helm deploys, then tests: a wait for the first of both would report what Flux takes back."""
    newest: dict[str, Any] = {"chartVersion": "1.0.2", "status": "deployed"}
    release = {"status": {"history": [newest, {"chartVersion": "1.0.1", "status": "superseded"}]}}
    assert api.deployed_version(release) == "1.0.2"
    newest["testHooks"] = {"site-test": {"phase": "Running"}}
    assert api.deployed_version(release) == ""
    newest["testHooks"] = {"site-test": {"phase": "Succeeded"}}
    assert api.deployed_version(release) == "1.0.2"
    assert api.deployed_version({}) == ""


def test_a_deployment_with_an_old_pod_is_not_rolled_out() -> None:
    counts = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "observedGeneration": 2}
    deployment: dict[str, Any] = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": counts}
    assert api.is_rolled_out(deployment)
    for name, value in {"replicas": 4, "updatedReplicas": 2, "observedGeneration": 1}.items():
        assert not api.is_rolled_out({**deployment, "status": {**counts, name: value}})
    assert not api.is_rolled_out({})


def test_readers_ask_for_the_hashed_assets_of_a_page() -> None:
    page = b'<link href="/assets/a.0123abcd.css"><script src=/assets/b.89abcdef.js></script><a href="/c/">'
    assert readers.assets_of(page) == ["/assets/a.0123abcd.css", "/assets/b.89abcdef.js"]


@pytest.mark.parametrize(
    ("requests", "gap"),
    [
        ([], 0.0),
        ([(0, 1, True), (2, 3, True)], 0.0),
        ([(0, 1, True), (2, 3, False), (4, 5, False), (6, 7.5, True), (8, 9, True)], 6.5),
        ([(0, 1, True), (2, 3, False)], 2.0),
        ([(1, 3, False), (4, 5, True)], 4.0),
    ],
)
def test_a_gap_lasts_from_one_page_to_the_next(requests: list[tuple[float, float, bool]], gap: float) -> None:
    """A request that hangs and fails counts, and so does the one that ends the gap."""
    assert login_probe.longest_gap(requests) == gap


def test_the_guide_names_every_replaced_part_and_every_test() -> None:
    """What stands for something else is named beside the figures, and where a reader of the guide looks."""
    guide = (ROOT / "docs" / "cluster.md").read_text("utf-8")
    assert [
        part for part, instead in figures.REPLACED.items() if f"| {part} | {instead} |" not in guide
    ] == []
    files = {file.name for file in HERE.glob("test_*.py") if "\npytestmark = " in file.read_text("utf-8")}
    assert sorted(name for name in files if f"`{name}`" not in guide) == []


def test_a_mount_point_of_another_cluster_is_in_use(tmp_path: Path) -> None:
    """Its removal would unmount it there, and the nodes would give addresses of pods twice."""
    line = "700 676 254:0 /var/tmp/other/run/node1/cni /var/lib/cni rw - ext4 /dev/vda rw\n"
    write(tmp_path / "12" / "mountinfo", "1 0 254:0 / / rw - ext4 /dev/vda rw\n")
    write(tmp_path / "34" / "mountinfo", line)
    assert supervisor.mounted("/var/lib/cni", tmp_path)
    assert not supervisor.mounted("/var/lib/kubelet", tmp_path)
