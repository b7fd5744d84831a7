"""Write what the tests in a cluster measure into benchmarks/RESULTS.md, with the replaced parts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmarks import report

# Part: what the tests run instead. docs/cluster.md has the same table.
REPLACED = {
    "the image of Spilo": "Debian's PostgreSQL 17 and Patroni with a launcher that reads Spilo's variables; "
    "Barman's programs for object storage instead of WAL-G",
    "Flux's command": "kubectl, for `flux suspend` and `flux resume` of the guide",
    "Helm in helm-controller": "Helm 4.2.4 as released; Flux builds its controller with a fork of it",
    "Flux's controllers as pods": "the same programs as processes on the host, without `flux bootstrap`",
    "a network plugin": "ptp and static routes; kube-network-policies, fed by NFQUEUE of iptables",
    "a provisioner of volumes": "three directories of the machine",
    "Nexus": "a fake with the behaviour of its source (tests/fakes/nexus.py)",
    "object storage": "moto, in memory",
    "GitLab": "`git http-backend`, and the steps of the pipeline in one process",
    "three machines": "three network and mount namespaces of one",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(title: str, text: str) -> None:
    """Replace a section of RESULTS.md, and the one that lists the replaced parts."""
    load = f"Load average at the end: {os.getloadavg()[0]:.1f}; other work is in the figures from 0.5 on."
    report.write_section(title, "tests.cluster", f"{text}\n\n{load}", command="make e2e")
    parts = table(("part", "instead"), list(REPLACED.items())).replace("---:", "---")
    report.write_section("What a cluster on one machine replaces", "tests.cluster", parts, command="make e2e")
