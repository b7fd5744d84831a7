"""The reference and the JSON Schema of site.toml match the declarations in config.py."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.core import config, config_docs
from pipelines.core.errors import SourceError
from pipelines.core.setting import Setting
from tests.flux.sites import SITES
from tests.support.project import ROOT, SMALL_SITE

if TYPE_CHECKING:
    import jsonschema

SMALL_TOML = (SMALL_SITE / "site.toml").read_text("utf-8")
SETTINGS = {
    f"{table.header} {key}": setting
    for table in config.declared_tables().values()
    for key, setting in table.settings.items()
}


def validator(schema: Any) -> jsonschema.Draft7Validator:
    """Return a validator for *schema*."""
    import jsonschema  # a second of CPU time, which only the worker that runs these tests takes

    return jsonschema.Draft7Validator(schema)


@cache
def site_validator() -> jsonschema.Draft7Validator:
    """Return a validator of site.toml."""
    return validator(config_docs.json_schema())


def errors(text: str) -> list[str]:
    """Return the keys that the JSON Schema finds at fault in *text*."""
    return [
        ".".join(str(part) for part in error.absolute_path)
        for error in site_validator().iter_errors(tomllib.loads(text))
    ]


def test_the_committed_reference_is_current() -> None:
    """Else: make settings-docs."""
    assert (ROOT / config_docs.REFERENCE).read_text("utf-8") == config_docs.reference()


def test_the_committed_schema_is_current_and_valid() -> None:
    """Else: make settings-docs."""
    text = (ROOT / config_docs.SCHEMA).read_text("utf-8")
    assert text == config_docs.schema_text()
    validator({}).check_schema(json.loads(text))


def test_site_toml_names_its_schema() -> None:
    """Taplo reads the first line, relative to the file."""
    first = (ROOT / "site.toml").read_text("utf-8").splitlines()[0]
    assert (ROOT / first.removeprefix("#:schema ")).samefile(ROOT / config_docs.SCHEMA)


@pytest.mark.parametrize(
    "text",
    [(ROOT / "site.toml").read_text("utf-8"), SMALL_TOML, *SITES.values()],
    ids=["this site", "small", *SITES],
)
def test_the_schema_accepts_what_the_parser_accepts(text: str) -> None:
    assert config.parse_config(text).name
    assert errors(text) == []


@pytest.mark.parametrize("name", SETTINGS)
def test_every_key_has_a_sentence_and_a_valid_default(name: str) -> None:
    setting: Setting = SETTINGS[name]
    assert setting.doc.endswith((".", ".)"))
    if not setting.required:
        value = config_docs.json_default(setting)
        assert setting.validator(value) == setting.default
        assert tomllib.loads(f"value = {config_docs.toml_value(setting)}") == {"value": value}
        validator(setting.validator.schema).validate(value)


# Table, line, and whether the schema refuses it too: time zones, networks and duplicates need a program.
REFUSED: list[tuple[str, str, bool]] = [
    ("site", 'name = ""', True),
    ("site", "name = 1", True),
    ("site", r'name = "a\u0007"', True),
    ("site", 'url = "n.example"', True),
    ("site", 'url = "https://n.example/"', True),
    ("site", 'lang = "English"', True),
    ("site", 'timezone = "Europe/Berln"', False),
    ("site", "login = 1", True),
    ("site", 'colour = "red"', True),
    ("feed", 'authority = "https://n.example,2026"', True),
    ("security", "contact = []", True),
    ("security", 'contact = ["s@n.example"]', True),
    ("security", 'scripts = ["https://cdn.example/x.js"]', True),
    ("metadata", 'extra = ["A"]', True),
    ("metadata", 'extra = ["url"]', True),
    ("metadata", 'extra = {a = "flag"}', True),
    ("metadata", 'extra = {url = "text"}', True),
    ("urls", 'post = "{slug}/"', True),
    ("urls", 'page = "/{year}/{slug}/"', True),
    ("urls", 'page = "/all/"', False),
    ("build", 'less_compiler = "sass"', True),
    ("images", 'registry = "https://registry.example"', True),
    ("chart", 'version = "1.4.2"', True),
    ("chart", 'repository = "ftp://n.example"', True),
    ("chart", 'promotion = "later"', True),
    ("buckets", 'assets = "N_assets"', True),
    ("buckets", "keep = 0", True),
    ("environment", 'name = "test"', True),
    ("environment", "edge_port = 8080", True),
    ("environment", 'edge_gateway = "gateway"', True),
    ("environment", 'edge_annotations = {"a b" = "c"}', True),
    ("environment", 'trusted = ["192.0.2.0/28", "proxy"]', True),
    ("environment", 'trusted = ["192.0.2.1/28"]', False),
    ("environment", "dns_pods = {}", True),
    ("environment", 'dns_pods = {a = "b c"}', True),
    ("environment", 'replicas = "many"', True),
    ("environment", "autoscale_max = 101", True),
    ("environment", 'autoscale_cpu = "80%"', True),
    ("environment", 'mail_from = "login"', True),
    ("environment", 'database_version = "18"', True),
    ("environment", "webhook_port = 443", True),
    ("environment", 'alerts = "pager"', True),
    ("environment", 'private = ["repo"]', True),
    ("sites", 'name = "N"', True),
]


@pytest.mark.parametrize(("table", "line", "by_schema"), REFUSED, ids=[line for _, line, _ in REFUSED])
def test_the_schema_refuses_what_the_parser_refuses(table: str, line: str, by_schema: bool) -> None:
    data: dict[str, Any] = tomllib.loads(SMALL_TOML)
    data["environment"] = [{"name": "production", "url": "https://n.example"}]
    rows = data.setdefault(table, {})
    (rows[0] if isinstance(rows, list) else rows).update(tomllib.loads(line))
    text = "".join(_toml(name, rows) for name, rows in data.items())
    with pytest.raises(SourceError):
        config.parse_config(text)
    assert bool(errors(text)) == by_schema


def _toml(name: str, rows: Any) -> str:
    """Return one table, or an array of tables, in TOML."""
    if isinstance(rows, list):
        return "".join(f"[[{name}]]\n{_keys(row)}" for row in rows)
    return f"[{name}]\n{_keys(rows)}"


def _keys(row: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in row.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {_value(item)}' for key, item in value.items()) + "}"
    return json.dumps(value)
