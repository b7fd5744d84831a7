"""The tasks on three machines with Debian 13, systemd and sshd, in the order of a new cluster.

The kernel here has no WireGuard; wg-quick takes wireguard-go, which speaks the same protocol.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.nodes.lab.conftest import NAMES, Operator

pytestmark = pytest.mark.nodes

UNCHANGED = dict.fromkeys(NAMES, "unchanged")
MESH = {"n1": "10.90.0.11", "n2": "10.90.0.12", "n3": "10.90.0.13"}
# What time, logs, logins and mail write without any task.
_LIVING = (
    *("/run", "/var/log", "/var/lib/systemd", "/var/lib/lastlog", "/var/cache/ldconfig"),
    *("/var/lib/postfix", "/var/spool/postfix"),
)


def newer_files(operator: Operator, name: str, stamp: str) -> list[str]:
    """Return the files of a machine's disk that are newer than *stamp*."""
    pruned = [word for path in _LIVING for word in ("-path", path, "-o")][:-1]
    found = operator.lab.machines[name].run(
        "find", "/", "-xdev", "(", *pruned, ")", "-prune", "-o", "-newer", stamp, "-print"
    )
    return [one for one in found.splitlines() if one != stamp]


def check_three_runs(operator: Operator, task: str, names: tuple[str, ...] = NAMES) -> None:
    """A dry run changes nothing, a run changes, another run has nothing to do."""
    stamp = "/var/tmp/stamp"
    for name in names:
        operator.lab.machines[name].run("touch", stamp)
    time.sleep(0.05)
    dry = operator.run(task, "--dry-run")
    assert {name: one["fault"] or one["state"] for name, one in dry.items()} == dict.fromkeys(
        names, "would change"
    )
    assert {name: newer_files(operator, name, stamp) for name in names} == {name: [] for name in names}
    planned = {name: one["changes"] for name, one in dry.items()}
    done = {name: one["changes"] for name, one in operator.run(task).items()}
    assert planned == done, "the dry run shows what the run does"
    assert operator.states(task) == dict.fromkeys(names, "unchanged")


@contextmanager
def pings(operator: Operator, pairs: list[tuple[str, str]], seconds: int) -> Iterator[list[tuple[int, int]]]:
    """Send 20 pings a second over the mesh meanwhile; fill the list with sent and received of each pair."""
    # A test before may have removed a peer on one side: the other side sends its first packet with a session
    # that is gone, until a handshake.
    for source, to in pairs:
        operator.lab.machines[source].run("ping", "-q", "-c", "1", "-w", "20", MESH[to])
    # Not -w, which ends while the last answer is under way.
    options = ("-q", "-i", "0.05", "-c", str(20 * seconds), "-W", "2")
    running = [
        subprocess.Popen(
            operator.lab.machines[source].argv("ping", *options, MESH[to]), stdout=subprocess.PIPE, text=True
        )
        for source, to in pairs
    ]
    counts: list[tuple[int, int]] = []
    time.sleep(1)
    yield counts
    for process in running:
        output, _ = process.communicate(timeout=seconds + 10)
        words = next(line for line in output.splitlines() if "packets transmitted" in line).split()
        counts.append((int(words[0]), int(words[3])))


@contextmanager
def serving(operator: Operator, name: str, *ports: int) -> Iterator[None]:
    """Serve a page on these ports of a machine, as a pod does."""
    machine = operator.lab.machines[name]
    machine.run("sh", "-c", "mkdir -p /srv/pod; echo from a pod > /srv/pod/index.html")
    for port in ports:
        server = ("python3", "-m", "http.server", str(port), "--directory", "/srv/pod")
        machine.run("systemd-run", "--quiet", "--collect", f"--unit=http-{port}", *server)
    try:
        yield
    finally:
        for port in ports:
            machine.run("systemctl", "stop", f"http-{port}")


def test_base(operator: Operator) -> None:
    check_three_runs(operator, "base")
    assert operator.lab.machines["n1"].run("hostname", "--fqdn") == "n1.lab.example\n"


def test_ssh(operator: Operator) -> None:
    check_three_runs(operator, "ssh")
    effective = operator.lab.machines["n1"].run("sshd", "-T").splitlines()
    wanted = {"permitrootlogin no", "passwordauthentication no", "allowusers deploy", "port 22"}
    assert wanted <= set(effective)


def test_wireguard(operator: Operator) -> None:
    """Keys are made on the machines; the mesh is made of the inventory alone."""
    refused = operator.states("wireguard.apply")
    assert refused == {
        "n1": "n1: has no public_key; run wireguard.keys, and write what it prints in nodes/nodes.toml:15",
        "n2": "not started",
        "n3": "not started",
    }
    for name, one in operator.run("wireguard.keys").items():
        (note,) = one["notes"]
        operator.edit(f'(name = "{name}"\n)', rf"\1{note.removeprefix('write ').partition(' in ')[0]}\n")
    assert operator.states("wireguard.keys") == UNCHANGED
    check_three_runs(operator, "wireguard.apply")
    for name in NAMES:
        for to in MESH.values():
            operator.lab.machines[name].run("ping", "-q", "-c", "1", "-w", "20", to)


def test_a_mesh_that_was_changed_by_hand_is_repaired_without_a_restart(operator: Operator) -> None:
    machine = operator.lab.machines["n1"]
    peer = machine.run("wg", "show", "wg0", "peers").split()[0]
    started = machine.run("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "wg-quick@wg0")
    machine.run("wg", "set", "wg0", "peer", peer, "remove")
    machine.run("ip", "link", "set", "wg0", "mtu", "1400")
    machine.run("ip", "route", "add", "10.99.0.0/24", "dev", "wg0")
    machine.run("ip", "route", "delete", "10.244.12.0/24", "dev", "wg0")
    done = operator.run("wireguard.apply")
    assert [one["what"] for one in done["n1"]["changes"]] == [
        "set the peers of wg0",
        "set the MTU of wg0",
        "route 10.244.12.0/24 to wg0",
        "remove the route of 10.99.0.0/24",
    ]
    assert operator.states("wireguard.apply") == UNCHANGED
    assert machine.run("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "wg-quick@wg0") == started


def test_a_key_is_rotated_without_a_lost_packet(operator: Operator) -> None:
    before = operator.inventory.read_text()
    with pings(operator, [("n1", "n3"), ("n3", "n1"), ("n2", "n3"), ("n3", "n2")], 6) as counts:
        assert operator.states("wireguard.rotate", "--hosts", "n3") == dict.fromkeys(NAMES, "changed")
    assert [sent - received for sent, received in counts] == [0, 0, 0, 0]
    assert min(sent for sent, _ in counts) > 60
    changed = set(operator.inventory.read_text().splitlines()) ^ set(before.splitlines())
    assert [line.partition(" =")[0] for line in changed] == ["public_key", "public_key"]
    assert operator.states("wireguard.apply") == UNCHANGED


def test_a_rotation_that_broke_off_is_finished_by_apply(operator: Operator) -> None:
    """The inventory has the new key, and the machine has both."""
    machine = operator.lab.machines["n2"]
    key = "/etc/wireguard/wg0.key"
    public = machine.run("sh", "-c", f"umask 077; wg genkey > {key}.new; wg pubkey < {key}.new").strip()
    old = machine.run("sh", "-c", f"wg pubkey < {key}").strip()
    operator.inventory.write_text(operator.inventory.read_text().replace(old, public))
    assert operator.states("wireguard.apply") == dict.fromkeys(NAMES, "changed")
    operator.lab.machines["n1"].run("ping", "-q", "-c", "1", "-w", "20", MESH["n2"])
    assert operator.states("wireguard.apply") == UNCHANGED


def test_a_key_that_differs_from_the_inventory_is_an_error(operator: Operator) -> None:
    """A task that took keys from machines would let a stranger into the mesh."""
    text = operator.inventory.read_text()
    operator.edit(r'(name = "n2"\npublic_key = ")....', r"\1AAAA")
    done = operator.states("wireguard.apply", "--hosts", "n2")
    operator.inventory.write_text(text)
    assert "not that of nodes/nodes.toml:2" in done["n2"]
    assert operator.states("wireguard.apply") == UNCHANGED


def test_firewall(operator: Operator) -> None:
    """Tables of others stay, also when the service is restarted."""
    machine = operator.lab.machines["n2"]
    machine.run("nft", "add table inet cluster")
    check_three_runs(operator, "firewall.apply")
    machine.run("systemctl", "restart", "nftables.service")
    assert "table inet cluster" in machine.run("nft", "list", "tables")
    assert "table inet nodes" in machine.run("nft", "list", "tables")
    assert operator.states("firewall.apply") == UNCHANGED


def test_ports_of_the_cluster_are_reached_by_the_mesh_alone(operator: Operator) -> None:
    with serving(operator, "n3", 6443, 30080):
        for port in (6443, 30080):
            argv = ("curl", "-s", "-o", "/dev/null", "--max-time", "3", "--retry", "5", "--retry-connrefused")
            operator.lab.machines["n1"].run(*argv, f"http://{MESH['n3']}:{port}/")
            over_underlay = operator.lab.machines["n1"].argv(*argv[:6], f"http://172.31.0.13:{port}/")
            assert subprocess.run(over_underlay, check=False).returncode == 28  # no answer in time


def test_rules_that_lock_the_operator_out_are_taken_back(operator: Operator) -> None:
    """The machine does it alone: nobody can reach it then."""
    text = operator.inventory.read_text()
    operator.edit("172.31.0.0/24", "198.51.100.0/24")
    done = operator.states("firewall.apply")
    operator.inventory.write_text(text)
    assert done == {
        "n1": done["n1"],
        "n2": "not started",
        "n3": "not started",
    }
    assert done["n1"].startswith("n1: away (")
    assert done["n1"].endswith("(with the new firewall; the old one returns within 15 s)")
    deadline = time.monotonic() + 30
    while operator.run("firewall.apply", "--hosts", "n1")["n1"]["state"] == "failed":
        assert time.monotonic() < deadline
        time.sleep(3)
    assert operator.states("firewall.apply") == UNCHANGED


def test_a_machine_that_is_away_changes_no_other(operator: Operator) -> None:
    """A task that learned its peers from the machines removed the one that was away from all others."""
    peers = set(operator.lab.machines["n1"].run("wg", "show", "wg0", "peers").split())
    inventory = operator.inventory.read_text()
    operator.lab.stop("n2")
    done = operator.run("wireguard.apply")
    assert {name: one["state"] for name, one in done.items()} == {
        "n1": "unchanged",
        "n2": "failed",
        "n3": "not started",
    }
    assert done["n2"]["fault"].startswith("n2: away (")
    assert set(operator.lab.machines["n1"].run("wg", "show", "wg0", "peers").split()) == peers
    rotated = operator.run("wireguard.rotate", "--hosts", "n1")
    assert {name: one["state"] for name, one in rotated.items()} == {
        "n1": "unchanged",
        "n2": "failed",
        "n3": "unchanged",
    }
    assert operator.inventory.read_text() == inventory
    status = operator.fab("status")
    assert status.returncode == 1
    assert [line.split()[:2] for line in status.stdout.splitlines()[1:]][1] == ["n2", "away"]


def test_a_machine_is_as_before_when_it_boots_again(operator: Operator) -> None:
    """Everything is enabled: mesh, firewall, sshd."""
    operator.lab.start("n2", 12, "")
    for task in ("base", "ssh", "wireguard.apply", "firewall.apply"):
        assert operator.states(task) == UNCHANGED
    operator.lab.machines["n2"].run("ping", "-q", "-c", "1", "-w", "20", MESH["n3"])


def test_a_machine_with_another_host_key_is_refused(operator: Operator) -> None:
    text = operator.known_hosts.read_text()
    first, second, third = text.splitlines()
    operator.known_hosts.write_text(f"{first}\n{second[:11]} {third.partition(' ')[2]}\n{third}\n")
    done = operator.states("base")
    operator.known_hosts.write_text(text)
    assert done["n1"] == "unchanged"
    assert done["n2"].startswith("n2: presents another host key than in nodes/known_hosts")
    assert done["n3"] == "not started"


def test_edge(operator: Operator) -> None:
    check_three_runs(operator, "edge.apply", ("n1",))
    url, resolve = "https://small.example/", ("--resolve", "small.example:443:172.31.0.11")

    def curl(*options: str) -> subprocess.CompletedProcess[str]:
        argv = operator.lab.command("curl", "-sk", "--max-time", "15", *options)
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert curl("--tls-max", "1.1", *resolve, url).returncode == 35
    assert curl("--resolve", "other.example:443:172.31.0.11", "https://other.example/").returncode == 35
    plain = curl("-i", "--resolve", "small.example:80:172.31.0.11", "http://small.example/posts/?a=b").stdout
    assert plain.startswith("HTTP/1.1 301")
    assert "Location: https://small.example/posts/?a=b" in plain
    with serving(operator, "n3", 30080):
        # Before the edge connects: it leaves a pod out for 10 s.
        ready = ("curl", "-s", "-o", "/dev/null", "--retry", "9", "--retry-connrefused", "--retry-delay", "1")
        operator.lab.machines["n1"].run(*ready, f"http://{MESH['n3']}:30080/ready")
        page = curl("-i", *resolve, url).stdout
        assert curl("--tls-max", "1.2", *resolve, url).returncode == 0
        requests = operator.lab.machines["n3"].run("journalctl", "--unit=http-30080", "--output=cat")
    assert page.startswith("HTTP/2 200")
    assert "strict-transport-security: max-age=31536000" in page
    assert page.endswith("from a pod\n")
    (first, *_) = [line for line in requests.splitlines() if '"GET / HTTP' in line]
    assert first.startswith("10.90.0.11 - - ")  # over the mesh
    away = curl("-i", *resolve, url).stdout
    assert away.startswith("HTTP/2 503")
    assert "retry-after: 30" in away
    assert "Back in a moment" in away


def test_a_configuration_that_nginx_refuses_is_never_used(operator: Operator) -> None:
    machine = operator.lab.machines["n1"]
    before = machine.run("sha256sum", "/etc/nginx/nginx.conf")
    site = operator.directory.parent / "site.toml"
    text = site.read_text()
    machine.run("mv", "/etc/nodes/tls/small.example/privkey.pem", "/etc/nodes/tls/small.example/kept.pem")
    site.write_text(text.replace("edge_port = 30080", "edge_port = 30081"))
    done = operator.states("edge.apply")
    site.write_text(text)
    machine.run("mv", "/etc/nodes/tls/small.example/kept.pem", "/etc/nodes/tls/small.example/privkey.pem")
    assert "cannot load certificate key" in done["n1"]
    assert machine.run("sha256sum", "/etc/nginx/nginx.conf") == before
    assert operator.states("edge.apply") == {"n1": "unchanged"}


def test_status(operator: Operator) -> None:
    for name in NAMES:
        for to in MESH.values():
            operator.lab.machines[name].run("ping", "-q", "-c", "1", "-w", "20", to)
    done = operator.fab("status")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows[1:]] == [[name, "ok"] for name in NAMES], done.stdout
    assert done.returncode == 0
    operator.lab.machines["n2"].run("nft", "delete", "table", "inet", "nodes")
    assert "the firewall is not that of nodes.toml" in operator.fab("status").stdout
    assert operator.states("firewall.apply") == {**UNCHANGED, "n2": "changed"}
