"""The tasks of the cluster on three machines with a real kubeadm, in the order of a cluster's life.

The network of pods is the plugin ptp over WireGuard in user space; Calico and a WireGuard of the kernel have
not run here.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.nodes.e2e import cluster, pods
from tests.nodes.e2e.conftest import ADMIN, NAMES, ClusterOperator

pytestmark = pytest.mark.nodes

OLD, NEW = cluster.VERSIONS
UNCHANGED = dict.fromkeys(NAMES, "unchanged")
MESH = {"n1": "10.90.0.11", "n2": "10.90.0.12", "n3": "10.90.0.13"}
# The arguments of every process, again and again, as a user of the machine could read them; and the secrets
# of a join, which root alone can read.
_WATCH = """while [ -e "$1" ]; do
  cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; echo
  cat /etc/kubernetes/nodes/discovery.conf /etc/kubernetes/nodes/join.yaml >&2 2>/dev/null
  sleep 0.02
done"""
_SECRETS = re.compile(r"(?:token|certificateKey): '?([a-z0-9.]+)")


def check_three_runs(operator: ClusterOperator, task: str, *options: str, names: tuple[str, ...]) -> None:
    """A dry run shows what a run changes, a run changes it, another run has nothing to do."""
    planned = {name: one["changes"] for name, one in operator.run(task, "--dry-run", *options).items()}
    done = operator.run(task, *options)
    assert {name: one["fault"] or one["state"] for name, one in done.items()} == dict.fromkeys(
        names, "changed"
    )
    shown = {name: [one["what"] for one in changes] for name, changes in planned.items()}
    made = {name: [one["what"] for one in one_["changes"]] for name, one_ in done.items()}
    assert {name: [one for one in whats if one in made[name]] for name, whats in shown.items()} == shown
    assert operator.states(task, *options) == dict.fromkeys(names, "unchanged")


@dataclass
class Watched:
    """What ran on the machines, and the secrets that were there for a moment."""

    arguments: str = ""
    secrets: set[str] = field(default_factory=set)


@contextmanager
def watched(operator: ClusterOperator, names: tuple[str, ...]) -> Iterator[Watched]:
    """Gather the arguments of all processes on the machines meanwhile, and the secrets of joins."""
    flag, found = "/run/watch", Watched()
    with ExitStack() as stack:
        running = []
        for name in names:
            machine = operator.lab.machines[name]
            machine.run("touch", flag)
            files = [stack.enter_context((machine.directory / one).open("w+")) for one in ("argv", "secrets")]
            argv = machine.argv("sh", "-c", _WATCH, "sh", flag)
            running.append((machine, subprocess.Popen(argv, stdout=files[0], stderr=files[1]), files))
        try:
            yield found
        finally:
            for machine, process, files in running:
                machine.run("rm", "-f", flag)
                process.wait(30)
                for file in files:
                    file.seek(0)
                found.arguments += files[0].read()
                found.secrets |= set(_SECRETS.findall(files[1].read()))


def test_the_machines_are_prepared(operator: ClusterOperator) -> None:
    assert set(operator.states("base").values()) == {"changed"}
    for name, one in operator.run("wireguard.keys").items():
        (note,) = one["notes"]
        operator.edit(f'(name = "{name}"\n)', rf"\1{note.removeprefix('write ').partition(' in ')[0]}\n")
    assert set(operator.states("wireguard.apply").values()) == {"changed"}
    assert set(operator.states("firewall.apply").values()) == {"changed"}
    for address in MESH.values():
        operator.lab.machines["n3"].run("ping", "-q", "-c", "1", "-w", "20", address)


def test_containerd(operator: ClusterOperator) -> None:
    check_three_runs(operator, "containerd.apply", names=NAMES)
    for machine in operator.lab.machines.values():
        cluster.import_images(machine)
    shown = operator.lab.machines["n1"].run("containerd", "config", "dump")
    assert "restrict_oom_score_adj = true" in shown
    assert 'config_path = "/etc/containerd/certs.d"' in shown


def test_a_join_before_init_is_refused(operator: ClusterOperator) -> None:
    done = operator.states("kubernetes.join")
    assert "no API server answers (n1: has no /etc/kubernetes/admin.conf" in done["n1"]
    assert (done["n2"], done["n3"]) == ("not started", "not started")


def test_init(operator: ClusterOperator) -> None:
    check_three_runs(operator, "kubernetes.init", names=("n1",))
    node = operator.nodes()["n1"]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{OLD}"
    assert node["spec"]["podCIDR"] == "10.244.11.0/24"
    assert "taints" not in node["spec"] or all(
        "control-plane" not in one["key"] for one in node["spec"]["taints"]
    )
    server = operator.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    assert server == "https://10.90.0.11:6443"
    assert operator.kubectl("get", "endpoints", "kubernetes", "-o", "jsonpath={..ip}") == "10.90.0.11"


def test_kubeadm_accepts_every_rendered_configuration(operator: ClusterOperator) -> None:
    """The tasks let it check each file before they use it; a file with an unknown field is refused."""
    machine = operator.lab.machines["n1"]
    machine.run("kubeadm", "config", "validate", "--config", "/etc/kubernetes/nodes/init.yaml")
    script = "sed s/bindPort/bindPrt/ /etc/kubernetes/nodes/init.yaml > /run/bad.yaml"
    machine.run("sh", "-c", script)
    argv = machine.argv("kubeadm", "config", "validate", "--config", "/run/bad.yaml")
    assert subprocess.run(argv, capture_output=True, check=False).returncode != 0


def test_two_machines_join_over_the_mesh(operator: ClusterOperator) -> None:
    """A worker and a second control plane; no secret is in an argument, an output or a log."""
    with watched(operator, NAMES) as seen:
        planned = operator.fab("kubernetes.join", "--dry-run")
        done = operator.fab("kubernetes.join", "--json")
    states = {one["host"]: one["fault"] or one["state"] for one in json.loads(done.stdout)["hosts"]}
    assert states == {"n1": "unchanged", "n2": "changed", "n3": "changed"}
    assert operator.states("kubernetes.join") == UNCHANGED
    assert sorted(map(len, seen.secrets)) == [23, 23, 64]  # two tokens, and the key for the control plane
    assert "kubeadm join --config" in seen.arguments
    logs = [operator.lab.machines[name].run("journalctl", "--output=cat") for name in NAMES]
    for text in (seen.arguments, *logs, planned.stdout, done.stdout, done.stderr):
        assert not [one for one in seen.secrets if one in text]
    for name in ("n2", "n3"):
        listed = operator.lab.machines[name].run("ls", "/etc/kubernetes/nodes")
        assert "discovery.conf" not in listed
        assert "join.yaml" not in listed
    tokens = operator.lab.machines["n1"].run("kubeadm", "token", "list", "--kubeconfig", ADMIN)
    assert "join of" not in tokens
    nodes = operator.nodes()
    found = {
        name: [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
        for name, node in nodes.items()
    }
    assert found == {name: [address] for name, address in MESH.items()}


def wait_ready(operator: ClusterOperator, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while True:
        nodes = operator.nodes()
        conditions = {
            name: {one["type"]: one["status"] for one in node["status"]["conditions"]}["Ready"]
            for name, node in nodes.items()
        }
        if set(conditions.values()) == {"True"}:
            return
        assert time.monotonic() < deadline, conditions
        time.sleep(2)


def test_pods_reach_each_other_over_the_mesh(operator: ClusterOperator) -> None:
    """Their network has the MTU of the mesh: larger packets would get lost."""
    wait_ready(operator)
    pods.start(operator)
    by_node = pods.wait(operator, 2)
    assert set(by_node) == {"n1", "n3"}
    for name in ("n1", "n3"):
        for address in by_node.values():
            operator.lab.machines[name].run("curl", "-sf", "--max-time", "5", f"http://{address}:8080/")
    operator.lab.machines["n2"].run(
        "curl", "-sf", "--max-time", "5", f"http://{MESH['n3']}:{pods.NODE_PORT}/"
    )
    links = operator.lab.machines["n3"].run("ip", "-o", "link", "show", "type", "veth")
    assert set(re.findall(r": veth.* mtu (\d+) ", links)) == {"1420"}


def service_url(operator: ClusterOperator) -> str:
    address = operator.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    return f"http://{address}/"


def test_a_reload_of_the_firewall_loses_no_request_of_a_service(operator: ClusterOperator) -> None:
    """Debian's own configuration flushes the rules of kube-proxy: Services failed for two minutes."""
    with pods.load(operator, "n2", service_url(operator)) as counts:
        operator.edit(r'"172\.31\.0\.0/24"\]', '"172.31.0.0/24", "198.51.100.0/24"]')
        assert operator.states("firewall.apply") == dict.fromkeys(NAMES, "changed")
        operator.lab.machines["n2"].run("systemctl", "restart", "nftables.service")
        time.sleep(2)
    assert counts[0] > 20
    assert counts[1] == 0


def test_labels_and_taints_follow_the_inventory(operator: ClusterOperator) -> None:
    node = operator.nodes()["n3"]
    assert node["metadata"]["labels"]["disk"] == "ssd"
    assert {"key": "slow", "value": "true", "effect": "PreferNoSchedule"} in node["spec"]["taints"]
    operator.kubectl("label", "node", "n3", "by=hand")
    text = operator.inventory.read_text()
    operator.edit('labels = {disk = "ssd"}\n', 'labels = {rack = "b"}\n')
    operator.edit("taints = .*\n", "")
    done = operator.run("kubernetes.join", "--hosts", "n3")["n3"]
    (change,) = [one["what"] for one in done["changes"]]
    assert set(change.split("; ")) == {
        "label rack=b", "remove the label disk", "remove the taint slow=true:PreferNoSchedule",
    }  # fmt: skip
    labels = operator.nodes()["n3"]["metadata"]["labels"]
    assert (labels.get("rack"), labels.get("disk"), labels.get("by")) == ("b", None, "hand")
    operator.inventory.write_text(text)
    assert operator.states("kubernetes.join", "--hosts", "n3") == {"n3": "changed"}
    assert operator.states("kubernetes.join") == UNCHANGED


def test_drain_and_uncordon(operator: ClusterOperator) -> None:
    check_three_runs(operator, "kubernetes.drain", "--hosts", "n3", names=("n3",))
    assert set(pods.wait(operator, 2)) == {"n1"}
    refused = operator.fab("kubernetes.drain")
    assert (refused.returncode, refused.stdout) == (2, "")
    check_three_runs(operator, "kubernetes.uncordon", "--hosts", "n3", names=("n3",))


def test_two_minor_versions_at_once_are_refused(operator: ClusterOperator) -> None:
    text = operator.inventory.read_text()
    operator.edit(f'kubernetes = "{OLD}"', 'kubernetes = "1.36.0"')
    done = operator.fab("kubernetes.upgrade")
    operator.inventory.write_text(text)
    assert done.returncode == 2
    assert f"n1: its API server is {OLD}; upgrade to 1.35 first: one minor version at a time" in done.stderr


def test_an_upgrade_goes_from_node_to_node(operator: ClusterOperator) -> None:
    operator.edit(f'kubernetes = "{OLD}"', f'kubernetes = "{NEW}"')
    planned = operator.run("kubernetes.upgrade", "--dry-run")
    assert list(planned) == list(NAMES)
    done = operator.run("kubernetes.upgrade")
    assert {name: one["fault"] or one["state"] for name, one in done.items()} == dict.fromkeys(
        NAMES, "changed"
    )
    assert [one["what"] for one in done["n1"]["changes"]][-1] == "uncordon n1"
    wait_ready(operator)
    nodes = operator.nodes()
    assert {one["status"]["nodeInfo"]["kubeletVersion"] for one in nodes.values()} == {f"v{NEW}"}
    assert not any(one["spec"].get("unschedulable") for one in nodes.values())
    assert json.loads(operator.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"] == f"v{NEW}"
    for machine in operator.lab.machines.values():
        assert {"kubeadm", "kubectl", "kubelet"} <= set(machine.run("apt-mark", "showhold").split())
    assert operator.states("kubernetes.upgrade") == {}
    assert operator.states("kubernetes.join") == UNCHANGED


def served_serial(operator: ClusterOperator, name: str) -> str:
    """Return the serial number of the certificate that an API server presents."""
    script = (
        f"openssl s_client -connect {MESH[name]}:6443 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    )
    return operator.lab.machines[name].run("sh", "-c", script)


def test_renewed_certificates_are_served(operator: ClusterOperator) -> None:
    assert operator.states("kubernetes.certs") == {"n1": "unchanged", "n2": "unchanged"}
    before = {name: served_serial(operator, name) for name in ("n1", "n2")}
    assert operator.states("kubernetes.certs", "--days", "400") == {"n1": "changed", "n2": "changed"}
    after = {name: served_serial(operator, name) for name in ("n1", "n2")}
    assert all(after[name] and after[name] != before[name] for name in before)


def wait_closed(operator: ClusterOperator, name: str, port: int, seconds: float = 120) -> None:
    """Wait until nothing listens on *port* of a machine."""
    deadline = time.monotonic() + seconds
    while operator.lab.machines[name].run("ss", "-Hltn", f"sport = :{port}"):
        assert time.monotonic() < deadline, f"port {port} of {name} is still in use"
        time.sleep(1)


def test_another_control_plane_is_asked_when_that_of_the_endpoint_is_away(operator: ClusterOperator) -> None:
    """admin.conf of both names n1: kubectl takes the address of the machine on which it runs."""
    machine = operator.lab.machines["n1"]
    manifest, away = "/etc/kubernetes/manifests/kube-apiserver.yaml", "/var/tmp/kube-apiserver.yaml"
    machine.run("mv", manifest, away)
    wait_closed(operator, "n1", 6443)
    check_three_runs(operator, "kubernetes.drain", "--hosts", "n3", names=("n3",))
    check_three_runs(operator, "kubernetes.uncordon", "--hosts", "n3", names=("n3",))
    machine.run("mv", away, manifest)
    deadline = time.monotonic() + 120
    while operator.kubectl("get", "--raw=/readyz", check=False) != "ok":
        assert time.monotonic() < deadline
        time.sleep(2)
    wait_ready(operator)


def test_a_reset_needs_the_name(operator: ClusterOperator) -> None:
    done = operator.fab("kubernetes.reset", "--hosts", "n2", "--confirm", "n3")
    assert done.returncode == 2
    assert "--confirm: 'n3' is not n2" in done.stderr
    assert set(operator.nodes()) == set(NAMES)


def test_a_snapshot_is_taken_and_restored(operator: ClusterOperator, tmp_path: Path) -> None:
    """What was written after it is gone; then the other control plane joins the new etcd."""
    operator.kubectl("create", "configmap", "before")
    file = tmp_path / "etcd.db"
    done = operator.run("kubernetes.backup", "--to", str(file))["n1"]
    assert (done["fault"], done["state"]) == ("", "changed")
    assert f"{file}: " in done["notes"][0]
    for one in (file, tmp_path / "etcd.db.pki.tar"):
        assert one.stat().st_mode & 0o777 == 0o600
        assert one.stat().st_size > 1000
    operator.kubectl("create", "configmap", "after")
    argv = ("kubernetes.restore", "--hosts", "n1", "--file", str(file), "--confirm", "n1")
    assert "reset the other control planes first" in operator.fab(*argv).stderr
    assert operator.states("kubernetes.reset", "--hosts", "n2", "--confirm", "n2") == {"n2": "changed"}
    assert set(operator.nodes()) == {"n1", "n3"}
    assert operator.states(*argv) == {"n1": "changed"}
    found = operator.kubectl("get", "configmaps", "-o", "name").split()
    assert "configmap/before" in found
    assert "configmap/after" not in found
    operator.kubectl("delete", "node", "n2")  # of the snapshot
    assert operator.states("kubernetes.join", "--hosts", "n2") == {"n2": "changed"}
    wait_ready(operator)
    pods.wait(operator, 2)


def test_a_worker_is_reset_and_joins_again(operator: ClusterOperator) -> None:
    assert operator.states("kubernetes.reset", "--hosts", "n3", "--confirm", "n3") == {"n3": "changed"}
    assert set(operator.nodes()) == {"n1", "n2"}
    assert operator.states("kubernetes.reset", "--hosts", "n3", "--confirm", "n3") == {"n3": "unchanged"}
    assert operator.states("kubernetes.join", "--hosts", "n3") == {"n3": "changed"}
    wait_ready(operator)
    assert operator.states("kubernetes.join") == UNCHANGED


def test_lost_control_planes_are_restored_from_a_backup(operator: ClusterOperator, tmp_path: Path) -> None:
    """Without a quorum of etcd, and on a machine that has nothing of the old cluster.

    The worker stays: its certificate and the tokens of its pods are of the authorities in the backup.
    """
    operator.kubectl("create", "configmap", "kept")
    file = tmp_path / "etcd.db"
    assert operator.states("kubernetes.backup", "--to", str(file)) == {"n1": "changed"}
    machine = operator.lab.machines["n1"]
    machine.run("sh", "-c", "mkdir /var/tmp/away && mv /etc/kubernetes/manifests/*.yaml /var/tmp/away/")
    wait_closed(operator, "n1", 2379)
    for name in ("n2", "n1"):
        if name == "n1":  # kubeadm reads in the manifest where the data of etcd is
            machine.run(
                "sh", "-c", "systemctl stop kubelet && mv /var/tmp/away/*.yaml /etc/kubernetes/manifests/"
            )
        done = operator.run("kubernetes.reset", "--hosts", name, "--confirm", name)[name]
        assert (done["fault"], done["state"]) == ("", "changed")
        (note,) = done["notes"]
        assert note.startswith("was reset alone: no API server answers (")
    assert machine.run("sh", "-c", "ls -A /etc/kubernetes/pki /var/lib/etcd").split("\n") == [
        "/etc/kubernetes/pki:", "", "/var/lib/etcd:", "",
    ]  # fmt: skip
    with (tmp_path / "etcd.db.pki.tar").open("rb") as archive:
        subprocess.run(machine.argv("tar", "-C", "/etc/kubernetes", "-x"), stdin=archive, check=True)
    assert operator.states("kubernetes.init") == {"n1": "changed"}
    assert set(operator.nodes()) == {"n1"}
    argv = ("kubernetes.restore", "--hosts", "n1", "--file", str(file), "--confirm", "n1")
    assert operator.states(*argv) == {"n1": "changed"}
    assert "configmap/kept" in operator.kubectl("get", "configmaps", "-o", "name").split()
    replaced = machine.run("sh", "-c", "ls -d /var/lib/nodes/etcd/replaced-*/snap").split()
    assert len(replaced) == 2  # that of the restore before, too
    operator.kubectl("delete", "node", "n2")
    wait_ready(operator)
    assert set(operator.nodes()) == {"n1", "n3"}
    assert set(pods.wait(operator, 2)) <= {"n1", "n3"}
    assert operator.states("kubernetes.join") == {"n1": "unchanged", "n2": "changed", "n3": "unchanged"}
    wait_ready(operator)
    assert operator.states("kubernetes.join") == UNCHANGED
