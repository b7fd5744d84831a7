"""Write the reference and the JSON Schema of site.toml: ``make settings-docs``.

Writes docs/settings.md and docs/site.schema.json below the current directory, from
the declarations in config.py. No network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core.config import declared_tables
from pipelines.core.setting import Setting, Table
from pipelines.core.validators import JsonSchema

REFERENCE, SCHEMA = Path("docs", "settings.md"), Path("docs", "site.schema.json")
_INTRODUCTION = """\
# Settings of site.toml

`make settings-docs` writes this page and [site.schema.json](site.schema.json) from
`pipelines/core/config.py`,
where each key is declared. Every command refuses unknown keys and invalid values, with their lines. Taplo (in
VS Code: Even Better TOML) checks `site.toml` by the schema that its first line names.
"""


def reference() -> str:
    """Return every table of site.toml with its keys as Markdown."""
    return "\n".join([_INTRODUCTION, *map(section, declared_tables().values())])


def section(table: Table) -> str:
    """Return *table* with its keys as a section of Markdown."""
    lines = [f"## `{table.header}`", ""]
    if table.doc:
        lines += [table.doc, ""]
    lines += ["| key | value | default | what it is |", "|---|---|---|---|"]
    for setting in table.settings.values():
        default = "required" if setting.required else f"`{toml_value(setting)}`"
        values = values_of(setting.validator.schema).replace("|", "\\|")
        lines.append(f"| `{setting.key}` | {values} | {default} | {setting.doc} |")
    return "\n".join(lines) + "\n"


def values_of(schema: JsonSchema) -> str:
    """Return the values that *schema* accepts in a few words of Markdown."""
    if "anyOf" in schema:
        return " or ".join(values_of(one) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema["type"] == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "array":
        items = schema["items"]
        return f"list of {values_of(items) if 'enum' in items else 'strings'}"
    names = {"string": "string", "boolean": "`true`, `false`", "object": "table of strings"}
    return names[schema["type"]]


def json_default(setting: Setting) -> Any:
    """Return the default of *setting* as JSON and TOML write it: lists, and tables for pairs."""
    if setting.validator.schema.get("type") == "object":
        return dict(setting.default)
    return list(setting.default) if isinstance(setting.default, tuple) else setting.default


def toml_value(setting: Setting) -> str:
    """Return the default of *setting* in TOML."""
    default = json_default(setting)
    if isinstance(default, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in default.items()) + "}"
    return json.dumps(default, ensure_ascii=False)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7, which Taplo reads) of site.toml."""
    return schema_of("site.toml", declared_tables())


def schema_of(name: str, tables: Mapping[str, Table]) -> dict[str, Any]:
    """Return the JSON Schema of the file *name* with *tables*."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": name,
        **_object({name: _table(table) for name, table in tables.items()}),
        "required": [name for name, table in tables.items() if _required(table) and not table.array],
    }


def _table(table: Table) -> dict[str, Any]:
    keys = _object({key: _property(setting) for key, setting in table.settings.items()})
    if table.by_path:
        choices = {key: setting.validator.schema for key, setting in table.settings.items()}
        keys["patternProperties"] = {"[/*.]": _object(choices)}
    if required := _required(table):
        keys["required"] = required
    doc = {"description": table.doc} if table.doc else {}
    return {**doc, "type": "array", "items": keys} if table.array else {**doc, **keys}


def _required(table: Table) -> list[str]:
    return [key for key, setting in table.settings.items() if setting.required]


def _property(setting: Setting) -> dict[str, Any]:
    default = {} if setting.required else {"default": json_default(setting)}
    return {"description": setting.doc, **setting.validator.schema, **default}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def schema_text() -> str:
    """Return the JSON Schema of site.toml as the text of its file."""
    return text_of(json_schema())


def text_of(schema: Mapping[str, Any]) -> str:
    """Return *schema* as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
