"""Checks of the cluster that the site comes to: version, nodes, volumes, network policies, DNS, edge.

Reads helm/site/Chart.yaml. Network: the cluster. No writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.config import Environment, SiteConfig
from pipelines.core.errors import ToolError
from pipelines.doctor.cluster import Cluster, Object, is_true
from pipelines.doctor.outcome import Outcome, failed, ok, unknown

NODES = 3  # one for each web, login and database pod
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_INGRESS = "ingressclass.kubernetes.io/is-default-class"
# DaemonSets of network plugins that enforce policies, by a part of their name.
_ENFORCING = (
    "antrea-agent", "anetd", "azure-npm", "calico-node", "canal", "cilium", "kindnet", "kube-router",
    "kube-network-policies", "ovnkube", "weave-net",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClusterInputs:
    """What the checks of a cluster read."""

    cluster: Cluster
    project: Path
    site: SiteConfig
    environment: Environment


def check_version(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that the chart and Flux take this version of Kubernetes."""
    found = inputs.cluster.version
    wanted = minimum_kubernetes(inputs.project)
    match = re.match(r"v?(\d+)\.(\d+)", found)
    if match and (int(match[1]), int(match[2])) >= wanted:
        yield ok(f"Kubernetes {found}")
        return
    yield failed(f"Kubernetes {found} is too old", f"upgrade it to {wanted[0]}.{wanted[1]} or newer")


def minimum_kubernetes(project: Path) -> tuple[int, int]:
    """Return major and minor of `kubeVersion` in helm/site/Chart.yaml; raise ToolError without one."""
    file = project / "helm" / "site" / "Chart.yaml"
    try:
        match = re.search(r'^kubeVersion: ">=(\d+)\.(\d+)', file.read_text(encoding="utf-8"), re.M)
    except OSError:
        match = None
    if not match:
        raise ToolError("helm/site/Chart.yaml: has no kubeVersion; restore it from Git")
    return int(match[1]), int(match[2])


def check_nodes(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that enough nodes take pods."""
    nodes = inputs.cluster.objects("nodes")
    free = [one for one in nodes if _takes_pods(one)]
    if len(free) >= NODES:
        yield ok(f"{len(free)} nodes take pods")
        return
    closed = sorted(one["metadata"]["name"] for one in nodes if one not in free)
    fix = f"add nodes until {NODES} take pods"
    if closed:
        fix += f", or let these: {', '.join(closed)} (kubectl uncordon, kubectl taint)"
    yield failed(f"{len(free)} of {len(nodes)} nodes take pods", fix)


def _takes_pods(node: Object) -> bool:
    spec = node.get("spec", {})
    closed = any(one.get("effect") in ("NoSchedule", "NoExecute") for one in spec.get("taints") or ())
    return is_true(node, "Ready") and not spec.get("unschedulable") and not closed


def check_storage(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that the StorageClass of the database's volumes exists."""
    if not inputs.site.login:
        return
    wanted = inputs.environment.database_storage_class
    classes = {
        one["metadata"]["name"]: one for one in inputs.cluster.objects("storageclasses.storage.k8s.io")
    }
    defaults = [name for name, one in classes.items() if _annotation(one, _DEFAULT_CLASS) == "true"]
    names = ", ".join(sorted(classes)) or "none"
    if wanted and wanted not in classes:
        text = f"the cluster has no StorageClass {wanted}"
        yield failed(text, f"write one of these as database_storage_class in site.toml: {names}")
    elif not wanted and not defaults:
        fix = f"write one of these as database_storage_class in site.toml ({names}), or annotate one"
        yield failed("no StorageClass is the default", f"{fix} with {_DEFAULT_CLASS}=true")
    else:
        yield ok(f"StorageClass {wanted or defaults[0]}")


def _annotation(one: Object, name: str) -> str:
    return str((one["metadata"].get("annotations") or {}).get(name, ""))


def check_policies(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that a known network plugin enforces NetworkPolicies."""
    agents = inputs.cluster.objects("daemonsets.apps")
    for one in agents:
        name = one["metadata"]["name"]
        if any(part in name for part in _ENFORCING) or _has_agent_of_aws(one):
            status = one.get("status", {})
            ready, wanted = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
            if ready < wanted:
                fix = f"look at its pods: kubectl -n {one['metadata']['namespace']} describe daemonset {name}"
                yield failed(f"{name} is ready on {ready} of {wanted} nodes", fix)
            else:
                yield ok(f"{name} enforces NetworkPolicies")
            return
    if any("+k3s" in one["status"]["nodeInfo"]["kubeletVersion"] for one in inputs.cluster.objects("nodes")):
        yield ok("k3s enforces NetworkPolicies")
        return
    without = "without, every pod of the cluster reaches the login and the database"
    if any("flannel" in one["metadata"]["name"] for one in agents):
        yield failed("flannel does not enforce NetworkPolicies", f"add Calico's or another agent: {without}")
        return
    yield unknown("no known network plugin", f"make sure that it enforces NetworkPolicies: {without}")


def _has_agent_of_aws(one: Object) -> bool:
    """Return whether *one* is the VPC plugin of EKS with its policy agent on."""
    boxes = one["spec"]["template"]["spec"]["containers"]
    return one["metadata"]["name"] == "aws-node" and any(
        "--enable-network-policy=true" in (box.get("args") or ()) for box in boxes
    )


def check_dns(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that site.toml names the cluster's DNS Service, the labels of its pods, and their port."""
    one = inputs.environment
    namespace, name = one.dns_service.split("/")
    service = inputs.cluster.find("services", name, namespace)
    if service is None:
        found = inputs.cluster.objects("services", selector="k8s-app=kube-dns")
        names = [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in found]
        hint = f"dns_service in site.toml: {', '.join(names)}" if names else "dns_service in site.toml"
        yield failed(f"the Service {one.dns_service} does not exist", f"name the DNS server's as {hint}")
        return
    spec, wanted = service["spec"], dict(one.dns_pods)
    if not wanted or not inputs.cluster.objects("pods", namespace, ",".join(map("=".join, wanted.items()))):
        labels = ", ".join(f'"{key}" = "{value}"' for key, value in (spec.get("selector") or {}).items())
        fix = f"write dns_pods = {{{labels}}} in site.toml"
        yield failed(f"no pod in {namespace} has the labels of dns_pods", fix)
        return
    ports = {port.get("targetPort") for port in spec.get("ports") or () if port.get("port") == 53}
    numbers = sorted(port for port in ports if isinstance(port, int))
    if numbers and one.dns_port not in numbers:
        fix = f"write dns_port = {numbers[0]} in site.toml"
        yield failed(f"the pods of {one.dns_service} listen on port {numbers[0]}, not {one.dns_port}", fix)
        return
    yield ok(f"{one.dns_service} is {spec.get('clusterIP')}")


def check_edge(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that the IngressClass or the Gateway exists."""
    one = inputs.environment
    if one.edge == "ingress":
        classes = inputs.cluster.objects("ingressclasses.networking.k8s.io")
        names = [each["metadata"]["name"] for each in classes]
        defaults = [each for each in classes if _annotation(each, _DEFAULT_INGRESS) == "true"]
        if one.edge_class in names or (defaults and not one.edge_class):
            yield ok(f"IngressClass {one.edge_class or defaults[0]['metadata']['name']}")
            return
        what = f"no IngressClass {one.edge_class}" if one.edge_class else "no default IngressClass"
        there = ", ".join(names) or "none"
        fix = f"install a controller, or write one of these as edge_class in site.toml: {there}"
        yield failed(f"the cluster has {what}", fix)
    elif one.edge == "httproute":
        namespace, name, *_ = one.edge_gateway.split("/") if one.edge_gateway else ("", "")
        if name and inputs.cluster.find("gateways.gateway.networking.k8s.io", name, namespace):
            yield ok(f"Gateway {one.edge_gateway}")
        else:
            fix = "make it, or write another one as edge_gateway in site.toml"
            yield failed(f"the cluster has no Gateway {one.edge_gateway}", fix)


def check_metrics(inputs: ClusterInputs) -> Iterator[Outcome]:
    """Check that an autoscaler would get its metrics."""
    if not inputs.environment.autoscale_max:
        return
    found = inputs.cluster.find("apiservices.apiregistration.k8s.io", "v1beta1.metrics.k8s.io")
    if found and is_true(found, "Available"):
        yield ok("metrics-server responds")
    else:
        yield failed("no metrics-server responds", "install it, or remove autoscale_max from site.toml")
