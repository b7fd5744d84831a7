"""Push bases to the registry, and pull them.

Reads and writes the OCI layouts that it is given. Network: the registry.

Not by skopeo: it follows a redirect from https to http with its credentials
(docs/decisions/0020).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.credentials import Login
from pipelines.core.errors import ToolError
from pipelines.image import oci_layout
from pipelines.image.base_lock import Base
from pipelines.tools.http import DEFAULT_AGENT, HttpClient
from pipelines.tools.registry import Registry
from pipelines.tools.retry import RetryPolicy

_DEADLINE = 1200  # seconds, for all of a base


@dataclass(frozen=True, slots=True)
class BaseRegistry:
    """The registry of bases, with its credentials."""

    registry: str  # "host/path"; "" for none
    login: Login | None = None
    variables: str = ""  # environment variables of the credentials, for messages
    authority: Path | None = None  # file with additional certificate authorities
    agent: str = DEFAULT_AGENT  # User-Agent


def push_base(layout: Path, base: Base, store: BaseRegistry) -> None:
    """Push *base* from *layout* to *store* with the same digest; skip blobs that exist."""
    with _registry(store, base.name, "pull,push") as registry:
        manifest, parts = oci_layout.layout_parts(layout)
        for digest in parts:
            if not registry.has(digest):
                registry.upload(digest, layout / "blobs" / digest.replace(":", "/"))
        if not registry.put_manifest(base_tag(base), manifest):
            found = registry.manifest(base_tag(base))
            if found is None or found.digest != base.digest:
                raise ToolError(f"{registry.location}:{base_tag(base)}: is another base; remove that tag")


def pull_base(base: Base, store: BaseRegistry, folder: Path) -> None:
    """Pull *base* from *store* into the new directory *folder*, as an OCI layout."""
    with _registry(store, base.name, "pull") as registry:
        found = registry.manifest(base.digest)
        if found is None:
            raise ToolError(
                f"{registry.location}: has no base {base.digest[:19]}; push it by `make bases`,"
                " or build it here by `make base`"
            )
        oci_layout.store_manifest(folder, found.data, registry.blob)


def base_tag(base: Base) -> str:
    """Return the tag of *base*; registries delete manifests without a tag."""
    return f"{base.arch}-{base.digest.removeprefix('sha256:')[:12]}"


@contextmanager
def _registry(store: BaseRegistry, name: str, actions: str) -> Iterator[Registry]:
    with HttpClient(RetryPolicy(_DEADLINE), store.authority, agent=store.agent) as web:
        repository = f"{store.registry}/base-{name}"
        yield Registry(web, repository, store.login, store.variables, actions)
