"""Put values into a YAML text without touching anything else of it.

No reads, no writes, no network. A parser says where each value stands and only
those letters are replaced: comments, order and quotes around it stay, so that
whoever reads the published chart finds the words of the one in Git.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from pipelines.core.errors import Fault, SourceError

Path = tuple[str, ...]  # of keys: ("web", "image", "digest")


def set_values(text: str, values: Mapping[Path, str | bool], name: str) -> str:
    """Return the YAML *text* of the file *name* with *values* in the places that it has for them.

    Raises SourceError for every place that is missing or not a plain value.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = Fault(name, mark.line + 1 if mark else 0, "is not YAML", "mend it, or bring it back from Git")
        raise SourceError([fault]) from None
    found = {path: _find(root, path) for path in values}
    faults = [
        Fault(name, 0, f"has no value {'.'.join(path)}", "bring its line back from Git")
        for path, node in found.items()
        if node is None
    ]
    if faults:
        raise SourceError(faults)
    places = sorted(
        ((node.start_mark.index, node.end_mark.index, values[path]) for path, node in found.items() if node),
        reverse=True,  # from the end, so that the places before it stay where they are
    )
    for start, end, value in places:
        text = text[:start] + _written(value) + text[end:]
    return text


def _find(node: yaml.Node | None, path: Path) -> yaml.ScalarNode | None:
    for word in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == word), None)
    return node if isinstance(node, yaml.ScalarNode) else None


def _written(value: str | bool) -> str:
    """Return *value* as YAML: JSON is that, but for two letters that YAML takes for the end of a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
