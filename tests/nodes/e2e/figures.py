"""Write how long the steps of the tests took into benchmarks/RESULTS.md."""

from __future__ import annotations

import os
from collections.abc import Mapping

from benchmarks import report
from tests.cluster.figures import table
from tests.nodes.e2e import cluster

OLD, NEW = cluster.VERSIONS
# What the table says of each test that takes its time; dry runs and second runs are in it.
STEPS = {
    "test_the_machines_are_prepared": "names, mesh and firewall of three machines",
    "test_containerd": "containerd, and its images",
    "test_init": "the first control plane",
    "test_two_machines_join_over_the_mesh": "a second control plane and a worker join",
    "test_a_reload_of_the_firewall_loses_no_request_of_a_service": "the firewall reloaded, under load",
    "test_drain_and_uncordon": "drain and uncordon of a node",
    "test_an_upgrade_goes_from_node_to_node": f"upgrade of three nodes from {OLD} to {NEW}",
    "test_renewed_certificates_are_served": "certificates of two control planes renewed",
    "test_a_snapshot_is_taken_and_restored": "snapshot, restore, and a join of the other control plane",
    "test_a_worker_is_reset_and_joins_again": "reset of a worker, and its join",
    "test_lost_control_planes_are_restored_from_a_backup": "both control planes lost, restored from a backup",
    "test_the_chart_is_installed": "the chart of this product, installed and tested",
    "test_the_name_servers_and_the_edge": "name servers and the edge, with a certificate",
    "test_a_reader_finds_the_site_by_its_name": "the site in a browser, found by its name",
}


def write(seconds: Mapping[str, float]) -> None:
    """Replace the section; *seconds* are those of each test that passed."""
    rows = [(text, f"{seconds[name]:.0f}") for name, text in STEPS.items()]
    text = (
        "Three Debian 13 machines with systemd, in containers of one machine: WireGuard in user space,"
        " kubeadm, containerd and etcd. Each step is done by the tasks of nodes/ over SSH, with its dry run,"
        " a second run, and what the test looks at. Programs and images are there already.\n\n"
        f"{table(('step', 's'), rows)}\n\n"
        f"Load average at the end: {os.getloadavg()[0]:.1f}; other work is in the figures from 0.5 on."
    )
    report.write_section("From bare machines to a site", "tests.nodes.e2e", text, command="make nodes-e2e")
