"""The tree of a cluster, built as Flux builds it: real kustomize, then substitution, by dependsOn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from pipelines.core import config
from pipelines.flux import settings
from tests.flux.sites import SITES, write_public_files
from tests.support import fast_yaml
from tests.support.project import ROOT
from tests.support.tools import need

Object = dict[str, Any]
FLUX = "kustomize.toolkit.fluxcd.io/v1"


@dataclass(frozen=True)
class Cluster:
    """What Flux would apply: each Kustomization's objects, in the order in which it would apply them."""

    root: list[Object]  # of flux/clusters/<environment>
    parts: dict[str, list[Object]]  # Kustomization -> its objects, substituted

    @property
    def kustomizations(self) -> dict[str, Object]:
        return {one["metadata"]["name"]: one for one in self.root if one["apiVersion"] == FLUX}

    @property
    def variables(self) -> dict[str, str]:
        (found,) = (one for one in self.root if one["kind"] == "ConfigMap")
        data: dict[str, str] = found["data"]
        return data

    @property
    def objects(self) -> list[Object]:
        return [*self.root, *(one for part in self.parts.values() for one in part)]

    def the(self, kind: str, name: str) -> Object:
        (found,) = (one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
        return found


@cache
def cluster(site: str, environment: str) -> Cluster:
    """Return the cluster of *environment* as the site *site* of the table has it."""
    with TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(ROOT / "flux", project / "flux")
        shutil.rmtree(project / "flux" / "secrets", ignore_errors=True)
        shutil.rmtree(project / "flux" / "clusters" / environment, ignore_errors=True)
        write_public_files(project)
        settings.write_settings(project, settings.site_settings(project, config.parse_config(SITES[site])))
        return build_cluster(project, environment)


def build_cluster(project: Path, environment: str) -> Cluster:
    """Build *project*'s cluster of *environment*; fail as Flux would."""
    root = kustomize(project / "flux" / "clusters" / environment)
    found = Cluster(root, {})
    for name in dependency_order(found.kustomizations):
        spec = found.kustomizations[name]["spec"]
        objects = kustomize(project / spec["path"], *spec.get("components", ()))
        if "postBuild" in spec:
            assert spec["postBuild"] == {"substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}
            objects = [substitute(one, found.variables) for one in objects]
        found.parts[name] = objects
    return found


def dependency_order(kustomizations: Mapping[str, Object]) -> list[str]:
    """Return the names so that each comes after all that it depends on; fail where that cannot be."""
    done: list[str] = []
    while rest := [name for name in kustomizations if name not in done]:
        ready = [name for name in rest if set(dependencies(kustomizations[name])) <= set(done)]
        assert ready, f"these wait for each other, or for what does not exist: {rest}"
        done += sorted(ready)
    return done


def dependencies(kustomization: Object) -> list[str]:
    return [one["name"] for one in kustomization["spec"].get("dependsOn", [])]


def kustomize(folder: Path, *components: str) -> list[Object]:
    """Run the real kustomize on *folder*, with Flux's own `components` added as its documentation describes.

    Where a folder has no kustomization.yaml, Flux makes one that names every manifest in it
    ("Generating a kustomization.yaml file" in the specification of Kustomization).
    """
    file = folder / "kustomization.yaml"
    written = file.read_text("utf-8") if file.exists() else None
    body = (
        fast_yaml.load(written) if written else {"resources": sorted(p.name for p in folder.glob("*.yaml"))}
    )
    body["components"] = [*body.get("components", []), *components]
    file.write_text(json.dumps({key: value for key, value in body.items() if value}))
    try:
        argv = [need("kubectl"), "kustomize", str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    finally:
        file.write_text(written) if written else file.unlink()
    assert done.returncode == 0, done.stderr
    return [one for one in fast_yaml.load_all(done.stdout) if one]


def substitute(one: Object, variables: Mapping[str, str]) -> Object:
    """Put *variables* into the text of *one*, as strict substitution does: a missing one is an error.

    Only the plain form is known here, ``${name}``: what Flux's envsubst can do besides, flux/ does not use.
    """
    text = yaml.safe_dump(one, width=10**6)

    def value(match: re.Match[str]) -> str:
        assert re.fullmatch(r"[A-Za-z_]\w*", match[1]), f"{match[0]} is not a plain variable"
        assert match[1] in variables, f"{match[0]} is in no settings"
        return variables[match[1]]

    assert "$$" not in text
    result: Object = fast_yaml.load(re.sub(r"\$\{([^}]*)\}", value, text))
    return result
