"""Set values in a YAML text and keep everything else unchanged.

No reads, no writes, no network. A parser locates each value, and only its
characters are replaced: comments, order and quoting stay, so that the published
chart reads like the one in Git.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from pipelines.core.errors import Fault, SourceError

Path = tuple[str, ...]  # of keys: ("web", "image", "digest")


def set_values(text: str, values: Mapping[Path, str | bool], name: str) -> str:
    """Return the YAML *text* of the file *name* with *values* set at their paths.

    Raises SourceError for every path that is missing or not a scalar.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = Fault(name, mark.line + 1 if mark else 0, "is not YAML", "fix it, or restore it from Git")
        raise SourceError([fault]) from None
    nodes = {path: _find(root, path) for path in values}
    faults = [
        Fault(name, 0, f"has no value {'.'.join(path)}", "restore its line from Git")
        for path, node in nodes.items()
        if node is None
    ]
    if faults:
        raise SourceError(faults)
    spans = sorted(
        ((node.start_mark.index, node.end_mark.index, values[path]) for path, node in nodes.items() if node),
        reverse=True,  # from the end, so that earlier offsets stay valid
    )
    for start, end, value in spans:
        text = text[:start] + _to_yaml(value) + text[end:]
    return text


def _find(node: yaml.Node | None, path: Path) -> yaml.ScalarNode | None:
    for name in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == name), None)
    return node if isinstance(node, yaml.ScalarNode) else None


def _to_yaml(value: str | bool) -> str:
    """Return *value* as YAML: JSON, with two characters escaped that YAML reads as line breaks."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
