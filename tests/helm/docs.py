"""Write the table of values in the chart's README from the comments of values.yaml: ``make chart-docs``.

Reads helm/site/values.yaml. Writes helm/site/README.md between two markers. No network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tests.helm.render import CHART
from tests.support import fast_yaml

README, VALUES = CHART / "README.md", CHART / "values.yaml"
BEGIN, END = "<!-- values: made by `make chart-docs` -->\n", "<!-- end of values -->\n"


def value_rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path, default as JSON, comment) of every value in *text*, in order.

    An object with named values is not a row; its values are.
    """
    comment: list[str] = []
    path: list[str] = []
    inside = ""  # the path of a list or map whose lines are its default
    whole = fast_yaml.load(text)
    for line in text.splitlines():
        indent = (len(line) - len(line.lstrip())) // 2
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip("# ").rstrip())
        elif not line.strip():
            comment = []
        elif key := re.match(r" *([A-Za-z]\w*):", line):
            path = [*path[:indent], key[1]]
            dotted = ".".join(path)
            if inside and dotted.startswith(inside + "."):
                continue
            value = whole
            for name in path:
                value = value[name]
            leaf = not isinstance(value, dict) or not value or path[-1] == "resources"
            inside = dotted if leaf and not re.search(r": +\S", line) else ""
            if leaf:
                yield dotted, json.dumps(value), " ".join(comment)
            comment = []


def markdown_table(text: str) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| value | default | description |", "|---|---|---|"]
    for path, default, what in value_rows(text):
        lines.append(f"| `{path}` | `{default}` | {what.replace('<', '&lt;')} |")
    return "\n".join(lines) + "\n"


def with_values_table(readme: str, text: str) -> str:
    """Return *readme* with the table of *text*."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown_table(text)}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_values_table(README.read_text("utf-8"), Path(VALUES).read_text("utf-8")), "utf-8")
