"""Write the reference and the JSON Schema of nodes.toml: ``make settings-docs``.

Writes docs/nodes.md and docs/nodes.schema.json below the current directory, from
the declarations in inventory.py. No network.
"""

from __future__ import annotations

from pathlib import Path

from nodes.inventory import declared_tables
from pipelines.core.config_docs import schema_of, section, text_of

REFERENCE, SCHEMA = Path("docs", "nodes.md"), Path("docs", "nodes.schema.json")
_INTRODUCTION = """\
# Settings of nodes.toml

`make settings-docs` writes this page and [nodes.schema.json](nodes.schema.json) from `nodes/tables.py`,
where each key is declared. `nodes/nodes.toml` is the inventory of the machines; [operator.md](operator.md)
says how it is used. Every task refuses unknown keys, invalid values and contradictions (duplicate addresses
and keys, overlapping networks, nodes that nothing reaches), all at once, with their lines.
"""


def reference() -> str:
    """Return every table of nodes.toml with its keys as Markdown."""
    return "\n".join([_INTRODUCTION, *map(section, declared_tables().values())])


def schema_text() -> str:
    """Return the JSON Schema of nodes.toml as the text of its file."""
    return text_of(schema_of("nodes.toml", declared_tables()))


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
