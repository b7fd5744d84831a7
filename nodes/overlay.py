"""Read nodes/kubeadm.yaml: settings of Kubernetes that are added to those of the tasks.

Reads nodes/kubeadm.yaml. No writes, no network. Each document has the `kind` that it adds to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.files import read_regular

FILE = "nodes/kubeadm.yaml"
KINDS = (
    "InitConfiguration",
    "JoinConfiguration",
    "UpgradeConfiguration",
    "ClusterConfiguration",
    "KubeletConfiguration",
    "KubeProxyConfiguration",
)
Overlay = Mapping[str, Mapping[str, Any]]  # settings by kind
EMPTY: Overlay = MappingProxyType({})


def load_overlay(file: Path) -> Overlay:
    """Return the settings of *file* by kind, none without it; raise SourceError with every fault."""
    if not file.exists():
        return EMPTY
    return parse_overlay(read_regular(file).decode("utf-8", "replace"))


def parse_overlay(text: str, name: str = FILE) -> Overlay:
    """Return the settings of each document by its kind; raise SourceError with every fault."""
    found: dict[str, Mapping[str, Any]] = {}
    faults: list[Fault] = []
    try:
        for line, value in _documents(text):
            if not isinstance(value, dict):
                faults.append(Fault(name, line, "a document is not a mapping", "write kind: …"))
                continue
            kind = str(value.pop("kind", ""))
            value.pop("apiVersion", None)
            if kind not in KINDS:
                faults.append(Fault(name, line, f"unknown kind {kind!r}", suggest(kind, KINDS)))
            elif kind in found:
                faults.append(Fault(name, line, f"{kind} comes twice", "write one document of each kind"))
            found[kind] = value
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "syntax"
        faults.append(Fault(name, mark.line + 1 if mark else 0, f"is not YAML: {problem}", "fix the syntax"))
    if faults:
        raise SourceError(faults)
    return found


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    """Yield each document with the line of its first key."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None and node.value:
                yield node.start_mark.line + 1, loader.construct_document(node)
    finally:
        loader.dispose()


def merge(kind: str, rendered: Mapping[str, Any], overlay: Overlay) -> dict[str, Any]:
    """Return *rendered* with the settings of *kind*; raise SourceError where both set a key.

    Mappings are merged, lists are joined.
    """
    faults: list[Fault] = []
    merged = _merge(rendered, overlay.get(kind, {}), kind, faults)
    if faults:
        raise SourceError(faults)
    return merged


def _merge(
    rendered: Mapping[str, Any], added: Mapping[str, Any], path: str, faults: list[Fault]
) -> dict[str, Any]:
    merged = dict(rendered)
    for key, value in added.items():
        old, where = rendered.get(key), f"{path}.{key}"
        if key not in rendered:
            merged[key] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value, where, faults)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = [*old, *value]
        else:
            faults.append(Fault(FILE, 0, f"{where} is set from nodes.toml", "remove it"))
    return merged
