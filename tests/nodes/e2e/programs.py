"""The programs of two versions of Kubernetes, built once: ``python -m tests.nodes.e2e.programs``.

Writes into the cache of tests/cluster. Network: the Go module proxy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.layout import layout
from tests.cluster.programs import Program, build, kubernetes_program, kubernetes_version

SOURCES = Path(__file__).parent / "go"
OLD, NEW = (kubernetes_program(f"kubernetes-{minor}", SOURCES) for minor in ("1.34", "1.35"))
TOOLS = Program("tools", sources=SOURCES)
COREDNS = Program("coredns", sources=SOURCES)
PROGRAMS = (OLD, NEW, TOOLS, COREDNS)


def version_of(program: Program) -> str:
    """Return the version of Kubernetes that *program* is: "1.35.4"."""
    return kubernetes_version((program.source / "go.mod").read_text("utf-8")).removeprefix("v")


def built() -> Mapping[str, Path]:
    """Return the executable of each program by its name, built first where it is missing."""
    store = layout().cache
    return {one.name: build(one, store) for one in PROGRAMS}


def missing() -> list[str]:
    """Return the names of the programs that are not built."""
    store = layout().cache
    return [one.name for one in PROGRAMS if not one.directory(store).exists()]


if __name__ == "__main__":
    os.nice(10)
    for file in built().values():
        print(file)
