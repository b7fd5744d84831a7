"""etcd, API server, controller manager and scheduler, as processes in the network of the host.

Runs inside the namespaces. Writes etcd's data below run/.
"""

from __future__ import annotations

from pathlib import Path

from tests.cluster import debian, processes, programs
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import HOST, SERVICES, Layout


def _options(values: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


def etcd(there: Layout, program: Path) -> list[str]:
    """Return the command line of etcd. Without fsync: its data ends with the cluster."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    values: dict[str, object] = {
        "data-dir": there.run / "etcd",
        "unsafe-no-fsync": "true",
        "listen-peer-urls": peer,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "log-level": "warn",
    }
    return [str(program), *_options(values)]


def api_server(pki: Path) -> list[str]:
    """Return the command line of the API server, with the flags of kubeadm."""
    values: dict[str, object] = {
        "etcd-servers": "http://127.0.0.1:2379",
        "advertise-address": HOST,
        "bind-address": "0.0.0.0",
        "secure-port": 6443,
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "service-cluster-ip-range": SERVICES,
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": pki / "sa.pub",
        "service-account-signing-key-file": pki / "sa.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-client-certificate": pki / "kubelet-client.crt",
        "kubelet-client-key": pki / "kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": pki / "front-proxy-client.crt",
        "proxy-client-key-file": pki / "front-proxy-client.key",
    }
    return ["kube-apiserver", *_options(values)]


def controller_manager(pki: Path) -> list[str]:
    """Return the command line of the controller manager."""
    values: dict[str, object] = {
        "kubeconfig": pki / "kube-controller-manager.conf",
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "root-ca-file": pki / "ca.crt",
        "service-account-private-key-file": pki / "sa.key",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "allocate-node-cidrs": "false",
        "bind-address": "127.0.0.1",
    }
    return ["kube-controller-manager", *_options(values)]


def scheduler(pki: Path) -> list[str]:
    """Return the command line of the scheduler."""
    values: dict[str, object] = {
        "kubeconfig": pki / "kube-scheduler.conf",
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
    }
    return ["kube-scheduler", *_options(values)]


def start(there: Layout) -> None:
    """Start all four, and wait until the API server is ready."""
    program = programs.KUBERNETES.program(there.cache)
    for name in programs.KUBERNETES_NAMES:
        link = there.bin / name
        if not link.is_symlink():
            link.symlink_to(program)
    processes.start(there, "etcd", etcd(there, debian.packages(there.cache) / "usr/bin/etcd"))
    processes.start(there, "kube-apiserver", api_server(there.pki))
    kubectl = Kubectl(there)
    failure = f"the API server is not ready; read {there.logs / 'kube-apiserver.log'}"
    processes.wait_until(lambda: kubectl("get", "--raw=/readyz", timeout=10), 90, failure)
    processes.start(there, "kube-controller-manager", controller_manager(there.pki))
    processes.start(there, "kube-scheduler", scheduler(there.pki))
