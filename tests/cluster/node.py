"""One node: containerd, kubelet and kube-proxy in a network and a mount namespace of their own.

    python -m tests.cluster.node NUMBER     in the network of the node, and in a new mount namespace

So several run on one machine, and each mount of a pod goes with the last process of its node.
Runs inside the namespaces. Writes below run/nodeN.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.cluster import cgroups, debian, processes
from tests.cluster.kubectl import Kubectl, condition
from tests.cluster.layout import (
    DNS_SERVICE,
    GHCR,
    NODES,
    PODS,
    REGISTRY,
    Layout,
    layout,
    node_address,
    node_name,
    node_pods,
)
from tests.cluster.prerequisites import find

PAUSE_IMAGE = "docker.io/cluster/pause:1"
CNI_PROGRAMS = "/usr/lib/cni"
_CONTAINERD = """\
version = 2
root = "{here}/containerd"
state = "{here}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
[grpc]
  address = "{here}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{here}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  # Else dead network namespaces stay in /run/netns.
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{cni}"
  conf_dir = "{here}/cni-net"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{here}/certs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
  BinaryName = "{runc}"
"""


def containerd_config(here: Path, runc: str) -> str:
    """Return the configuration of containerd 1.7."""
    return _CONTAINERD.format(here=here, pause=PAUSE_IMAGE, cni=CNI_PROGRAMS, runc=runc)


def cni_config(number: int) -> dict[str, Any]:
    """Return the network of the pods: routed, so that policies and Local traffic act as on machines."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node_pods(number)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    pods = {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "cluster", "plugins": [pods, ports]}


def kubelet_config(number: int, here: Path, pki: Path, cgroup: str) -> dict[str, Any]:
    """Return the configuration of the kubelet; nothing is evicted for a full disk of this machine."""
    name = node_name(number)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/{name}.crt",
        "tlsPrivateKeyFile": f"{pki}/{name}.key",
        "containerRuntimeEndpoint": f"unix://{here}/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_SERVICE],
        "resolvConf": f"{here}/resolv.conf",
        "podLogsDir": f"{here}/log",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "enforceNodeAllocatable": [],
        "maxPods": 60,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "volumePluginDir": f"{here}/volume-plugins",
        "healthzBindAddress": "127.0.0.1",
    }


def proxy_config(number: int, pki: Path) -> dict[str, Any]:
    """Return the configuration of kube-proxy; the limits of conntrack belong to the machine, and stay."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{pki}/kube-proxy.conf"},
        "mode": "iptables",
        "clusterCIDR": PODS,
        "hostnameOverride": node_name(number),
        "bindAddress": "0.0.0.0",
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def _mount(there: Layout, here: Path) -> None:
    """Lay the node's own directories over those that programs expect."""
    over = {
        "kubelet": "/var/lib/kubelet",
        "cni-data": "/var/lib/cni",
        "links": "/var/log/containers",
        "pods": "/var/log/pods",
        "containerd-run": "/run/containerd",
    }
    processes.run(there, ["mount", "--make-rshared", "/"])  # volumes of pods propagate
    for name, path in over.items():
        (here / name).mkdir(parents=True, exist_ok=True)
        Path(path).mkdir(parents=True, exist_ok=True)
        processes.run(there, ["mount", "--bind", here / name, path])
    processes.run(there, ["mount", "--make-rshared", "/var/lib/kubelet"])


def _write_configs(there: Layout, here: Path, number: int, cgroup: str) -> None:
    runc = find("runc")
    assert runc
    (here / "containerd.toml").write_text(containerd_config(here, runc))
    network = here / "cni-net" / "10-cluster.conflist"
    network.parent.mkdir(exist_ok=True)
    network.write_text(json.dumps(cni_config(number)))
    for registry in (REGISTRY, GHCR):
        hosts = here / "certs" / registry / "hosts.toml"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(f'server = "https://{registry}"\nca = "{there.authority}"\n')
    (here / "resolv.conf").write_text(f"nameserver {DNS_SERVICE}\n")
    (here / "kubelet.json").write_text(json.dumps(kubelet_config(number, here, there.pki, cgroup)))
    (here / "kube-proxy.json").write_text(json.dumps(proxy_config(number, there.pki)))


def run_node(there: Layout, number: int) -> None:
    """Start the programs of a node, in the namespaces that this process has."""
    name, here = node_name(number), there.node(number)
    here.mkdir(parents=True, exist_ok=True)
    cgroup = f"{there.cgroup}/{name}"
    cgroups.create(cgroup)
    _mount(there, here)
    _write_configs(there, here, number, cgroup)
    programs = debian.packages(there.cache) / "usr" / "bin"
    path = {"PATH": f"{programs}:{processes.environment(there)['PATH']}"}
    containerd: list[str | Path] = [programs / "containerd", "--config", here / "containerd.toml"]
    processes.start(there, f"{name}-containerd", containerd, extra=path)
    ctr: list[str | Path] = [programs / "ctr", "-a", here / "containerd.sock"]
    log = there.logs / f"{name}-containerd.log"
    processes.wait_until(lambda: processes.run(there, [*ctr, "version"]), 30, f"containerd fails; read {log}")
    for archive in sorted(there.images.glob("*.tar")):
        processes.run(there, [*ctr, "-n", "k8s.io", "images", "import", archive])
    kubelet = [
        "kubelet",
        f"--config={here / 'kubelet.json'}",
        f"--kubeconfig={there.pki / name}.conf",
        f"--hostname-override={name}",
        f"--node-ip={node_address(number)}",
        "--root-dir=/var/lib/kubelet",
        f"--node-labels=topology.kubernetes.io/zone=zone{number}",
    ]
    processes.start(there, f"{name}-kubelet", kubelet, extra=path)
    processes.start(
        there, f"{name}-kube-proxy", ["kube-proxy", f"--config={here / 'kube-proxy.json'}"], extra=path
    )


def start(there: Layout, number: int) -> None:
    """Start a node in namespaces of its own."""
    name = node_name(number)
    unshare = ["unshare", "--mount", "--propagation", "private"]
    module = [sys.executable, "-m", "tests.cluster.node", str(number)]
    processes.run(there, [*processes.in_network(name), *unshare, *module])


def kill(there: Layout, number: int) -> None:
    """Take a node off the network, and kill all its processes: its programs, and those in its pods."""
    name = node_name(number)
    processes.run(there, ["ip", "link", "set", name, "down"])
    record = json.loads((there.run / "processes" / f"{name}-kubelet.json").read_text())
    mounts = Path(
        f"/proc/{record['pid']}/ns/mnt"
    ).readlink()  # shims of containerd are in no cgroup of the node
    victims = cgroups.members(f"{there.cgroup}/{name}")
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (directory / "ns" / "mnt").readlink() == mounts:
                victims.add(int(directory.name))
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def restart(there: Layout, number: int) -> None:
    """Start a node again that was killed."""
    processes.run(there, ["ip", "link", "set", node_name(number), "up"])
    start(there, number)
    wait_until_ready(there)


def start_all(there: Layout) -> None:
    """Start all nodes, and wait until they are ready."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: start(there, number), NODES))
    wait_until_ready(there)


def wait_until_ready(there: Layout) -> None:
    """Wait until all nodes are ready."""
    kubectl = Kubectl(there)

    def ready() -> bool:
        nodes = kubectl.items("nodes")
        return len(nodes) == len(NODES) and all(condition(one, "Ready") == "True" for one in nodes)

    processes.wait_until(ready, 90, f"the nodes are not ready; read the logs in {there.logs}")


def make_volumes(there: Layout, count: int = len(NODES)) -> None:
    """Make empty volumes for claims without a class: directories that all nodes see. No provisioner runs."""
    kubectl = Kubectl(there)
    first = len(kubectl.items("persistentvolumes")) + 1
    for number in range(first, first + count):
        folder = there.database_volume(number)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # fsGroup does not reach a hostPath
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"volume-{number}"},
                "spec": {
                    "capacity": {"storage": "5Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "hostPath": {"path": str(folder)},
                },
            }
        )


if __name__ == "__main__":
    os.umask(0o022)
    run_node(layout(), int(sys.argv[1]))
