"""The network of a cluster: a bridge, and a network namespace for each node on it, without a way out.

Runs inside the namespaces. Writes nothing outside of them.
"""

from __future__ import annotations

from pathlib import Path

from tests.cluster import processes
from tests.cluster.layout import (
    HOST,
    NAMES,
    NODES,
    READERS,
    SERVICES,
    Layout,
    address_of,
    node_address,
    node_name,
    node_pods,
)

# A kubelet sets these for the whole machine where they differ. Files with its values lie over them here.
KUBELET_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def hosts_file() -> str:
    """Return the content of /etc/hosts in the namespaces."""
    return "127.0.0.1 localhost\n" + "".join(f"{address_of(name)} {name}\n" for name in NAMES)


def commands() -> list[str]:
    """Return the commands that make the network, one a line."""
    lines = [
        "ip link set lo up",
        "ip link add nodes type bridge",
        f"ip address add {HOST}/24 dev nodes",
        f"ip address add {READERS}/32 dev lo",  # its own source address, too
        "ip link set nodes up",
        "sysctl -qw net.ipv4.ip_forward=1",
        # Nothing responds there; some programs take their address from the default route.
        "ip route add default dev nodes",
    ]
    for number in NODES:
        name = node_name(number)
        inside = f"ip -n {name}"
        lines += [
            f"ip netns add {name}",
            f"ip link add {name} type veth peer name eth0 netns {name}",
            f"ip link set {name} master nodes up",
            f"{inside} link set lo up",
            f"{inside} address add {node_address(number)}/24 dev eth0",
            f"{inside} link set eth0 up",
            f"{inside} route add default via {HOST}",
            f"nsenter --net=/run/netns/{name} sysctl -qw net.ipv4.ip_forward=1",
            f"ip route add {node_pods(number)} via {node_address(number)}",
            *(
                f"{inside} route add {node_pods(other)} via {node_address(other)}"
                for other in NODES
                if other != number
            ),
        ]
    # The host reaches Services through kube-proxy of the first node.
    return [*lines, f"ip route add {SERVICES} via {node_address(NODES[0])}"]


def create(there: Layout) -> None:
    """Make the mounts and the network."""
    for name in ("home", "tmp"):
        (there.base / name).mkdir(exist_ok=True)
    (there.base / "hosts").write_text(hosts_file())
    # No server listens there, so lookups fail at once.
    (there.base / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    mounts = [
        "mount -t tmpfs -o mode=755 tmpfs /run",  # /run/netns and sockets
        f"mount --bind {there.base / 'hosts'} /etc/hosts",
    ]
    if not Path("/etc/resolv.conf").is_symlink():  # to /run, which is empty here
        mounts.append(f"mount --bind {there.base / 'resolv.conf'} /etc/resolv.conf")
    for name, value in KUBELET_SETTINGS.items():
        file = there.base / f"sysctl-{name.replace('/', '-')}"
        file.write_text(f"{value}\n")
        if Path("/proc/sys", name).exists():
            mounts.append(f"mount --bind {file} /proc/sys/{name}")
    for line in (*mounts, *commands()):
        processes.run(there, line.split())
