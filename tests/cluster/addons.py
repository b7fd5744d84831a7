"""DNS and enforcement of NetworkPolicies, as pods.

Runs inside the namespaces. Writes images, and firewall rules of the nodes' networks.
"""

from __future__ import annotations

from tests.cluster import images, processes, programs
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import HERE, NAMES, NODES, Layout, address_of, node_name, node_pods
from tests.cluster.node import PAUSE_IMAGE

QUEUE = 98  # of netfilter, as in manifests/policies.yaml


def write_images(there: Layout) -> None:
    """Write the images that every node loads."""
    for image, path, program in (
        (PAUSE_IMAGE, "/pause", programs.PAUSE),
        ("docker.io/cluster/coredns:1", "/coredns", programs.COREDNS),
        ("docker.io/cluster/kube-network-policies:1", "/agent", programs.POLICIES),
    ):
        images.write_archive(there.images / f"{program.name}.tar", image, path, program.program(there.cache))


def dns_manifest(text: str) -> str:
    """Return *text*, manifests/coredns.yaml, with the names outside of the cluster."""
    hosts = "\n        ".join(f"{address_of(name)} {name}" for name in NAMES)
    return text.replace("HOSTS", hosts)


def start_dns(there: Layout) -> None:
    """Start CoreDNS, and wait until it is ready."""
    kubectl = Kubectl(there)
    kubectl.apply(dns_manifest((HERE / "manifests" / "coredns.yaml").read_text("utf-8")))
    kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")


def policy_rules(number: int) -> list[str]:
    """Return the rules that send the first packet of a connection to the agent, as arguments of iptables.

    The agent's own rules need the queue of nftables (CONFIG_NFT_QUEUE), which not every kernel has.
    """
    chain = "SITE-POLICIES"
    pods = node_pods(number)
    return [
        f"-N {chain}",
        f"-A POSTROUTING -j {chain}",
        f"-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
        f"-A {chain} -m owner --uid-owner 0 -j RETURN",  # the node itself: the kubelet's probes
        f"-A {chain} -s {pods} -j NFQUEUE --queue-num {QUEUE}",
        f"-A {chain} -d {pods} -j NFQUEUE --queue-num {QUEUE}",
    ]


def enforce_policies(there: Layout) -> None:
    """Start the agents, then the rules: packets in a queue that nobody reads are dropped."""
    kubectl = Kubectl(there)
    kubectl.apply((HERE / "manifests" / "policies.yaml").read_text("utf-8"))
    kubectl("-n", "kube-system", "rollout", "status", "daemonset/kube-network-policies", "--timeout=120s")
    for number in NODES:
        iptables = [*processes.in_network(node_name(number)), "iptables", "-w", "-t", "mangle"]
        for rule in policy_rules(number):
            processes.run(there, [*iptables, *rule.split()])
