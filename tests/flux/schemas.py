"""The schemas of the kinds that flux/ names: of Kubernetes by minor version, of others by their CRDs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import fast_yaml
from tests.support.project import ROOT
from tests.support.tools import need_schemas

if TYPE_CHECKING:
    import jsonschema

OPERATOR = ROOT / ".venv" / "schemas" / "postgres-operator"  # the chart that infrastructure pins
MINORS = ("1.36", "1.37")  # the newest two

Object = dict[str, Any]


@cache
def crds() -> dict[tuple[str, str], Object]:
    """Return the strict schema of each served kind, by apiVersion and kind."""
    folder = need_schemas()
    found: dict[tuple[str, str], Object] = {}
    for file in [*sorted(folder.glob("*.yaml")), *sorted((folder / "postgres-operator" / "crds").glob("*"))]:
        crd = fast_yaml.load(file.read_text("utf-8"))["spec"]
        for version in crd["versions"]:
            if version["served"] and not version.get("deprecated"):
                key = f"{crd['group']}/{version['name']}", crd["names"]["kind"]
                found[key] = strict(version["schema"]["openAPIV3Schema"], top=True)
    return found


def strict(schema: Any, *, top: bool = False) -> Any:
    """Return *schema* as JSON Schema that refuses unknown fields, as a strict API server does."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items() if key not in ("properties", "default")}
    if "properties" in schema:
        result["properties"] = {name: strict(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    if top:
        result["properties"]["metadata"] = {"type": "object", "required": ["name"]}
        result["required"] = sorted({*result.get("required", ()), "apiVersion", "kind", "metadata"})
    return result


def validator(schema: Object) -> jsonschema.Draft202012Validator:
    """Return a validator for *schema*."""
    import jsonschema  # a second of CPU time, which only a worker of these tests takes

    return jsonschema.Draft202012Validator(schema)


def schema_errors(one: Object) -> list[str]:
    """Return what is wrong with *one* by the schema of its kind; no schema is a fault too."""
    name = f"{one['kind']} {one['metadata']['name']}"
    key = one["apiVersion"], one["kind"]
    if key in crds():
        checker = validator(crds()[key])
        return [f"{name}: {fault.json_path}: {fault.message}" for fault in checker.iter_errors(one)]
    import kubernetes_validate  # as slow as jsonschema

    try:
        for minor in MINORS:
            kubernetes_validate.validate(one, minor, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{name}: {error}"]
    return []


def operator_chart() -> Path:
    """Return the folder of the operator's own chart."""
    need_schemas()
    return OPERATOR
