"""The golden files of the machines: ``python -m tests.nodes.golden`` rewrites tests/nodes/golden."""

from __future__ import annotations

import shutil
from pathlib import Path

from nodes.render.base import base_files, hosts_file
from nodes.render.edge import edge_files
from nodes.render.files import ConfigFile
from nodes.render.firewall import firewall_file, service_file
from nodes.render.ssh import ssh_files
from nodes.render.wireguard import wireguard_file
from nodes.sites import Site
from tests.nodes import labs
from tests.support.project import files_of, write

FOLDER = Path(__file__).parent / "golden"
SITES = (
    Site("production", "small.example", port=30080, webhook_port=30090),
    Site("staging", "staging.small.example", port=30081, webhook_port=0),
)


def rendered() -> dict[str, str]:
    """Return the text of each file of each machine, by "machine/path"; its first line has mode and owner."""
    inventory = labs.inventory()
    found: dict[str, str] = {}
    for node in inventory.nodes:
        files: list[ConfigFile] = [
            hosts_file(inventory, node),
            *base_files(inventory, node),
            *ssh_files(inventory, node),
            wireguard_file(inventory, node),
            firewall_file(inventory, node),
            service_file(),
        ]
        if node.has("edge"):
            files += edge_files(inventory, SITES)
        for file in files:
            found[f"{node.name}{file.path}"] = f"({file.mode:o} {file.owner} {file.then or '-'})\n{file.text}"
    return found


def read_golden() -> dict[str, str]:
    """Return the golden files as they are committed."""
    return {name: data.decode() for name, data in files_of(FOLDER).items()}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in rendered().items():
        write(FOLDER / name, text)
