"""Run a container of a manifest by podman, as a kubelet would.

Command, arguments, variables, user, mounts and capabilities come from the
manifest. Secrets and claims are directories of the caller. The network is that of
this machine, so a caller may have to set ports.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.helm.render import Object, containers
from tests.support.previews import free_port
from tests.web import server
from tests.web.server import PodmanImage


@dataclass(frozen=True)
class Node:
    """Images, ConfigMaps, Secrets and volumes for the pods of a release."""

    folder: Path  # for what is mounted
    images: Mapping[str, PodmanImage]  # by the digest that the chart names
    configs: Mapping[str, Mapping[str, str]]  # data of ConfigMaps, by name
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # the same of Secrets
    claims: Mapping[str, Path] = field(default_factory=dict)  # folders of volumes, by the claim's name

    def argv(self, pod: Object, name: str, *more: str) -> list[str]:
        """Return the command line for the container *name* of *pod*; *more* arguments follow its own."""
        (box,) = [one for one in containers(pod) if one["name"] == name]
        image = self.images[box["image"].partition("@")[2]]
        context = pod["spec"]["securityContext"]
        words = [
            *server.unprivileged_options(f"{name}-{free_port()}"),
            *("--user", f"{context['runAsUser']}:{context['runAsGroup']}"),
        ]
        for variable in box.get("env", []):
            words += ["--env", f"{variable['name']}={self._value(variable)}"]
        for mount in box.get("volumeMounts", []):
            if mount["mountPath"] != "/tmp":
                mode = "ro" if mount.get("readOnly") else "rw"
                words += ["--volume", f"{self._volume(pod, mount['name'])}:{mount['mountPath']}:{mode}"]
        command = list(box.get("command", []))
        if command:  # as in Kubernetes: it replaces the image's entry point
            words += ["--entrypoint", command[0]]
        return [*image.podman, *words, image.name, *command[1:], *box.get("args", []), *more]

    def run(self, pod: Object, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the container *name* of *pod* to its end."""
        return subprocess.run(
            self.argv(pod, name, *more), capture_output=True, text=True, check=False, timeout=120
        )

    def _value(self, variable: Object) -> str:
        if "value" in variable:
            assert isinstance(variable["value"], str)  # Kubernetes takes nothing else
            return variable["value"]
        source = variable["valueFrom"]["secretKeyRef"]
        return self.secrets[source["name"]][source["key"]]

    def _volume(self, pod: Object, name: str) -> Path:
        (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == name]
        if claim := volume.get("persistentVolumeClaim"):
            return self.claims[claim["claimName"]]
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        if downward := volume.get("downwardAPI"):
            for item in downward["items"]:
                match = re.fullmatch(r"metadata\.annotations\['(.+)'\]", item["fieldRef"]["fieldPath"])
                assert match  # the only field of a pod that this chart mounts
                (folder / item["path"]).write_text(pod["metadata"]["annotations"][match[1]])
            return folder
        secret, config = volume.get("secret"), volume.get("configMap")
        data = self.secrets[secret["secretName"]] if secret else self.configs[config["name"]]
        items = (secret or config).get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            (folder / item["path"]).write_text(data[item["key"]])
        return folder
