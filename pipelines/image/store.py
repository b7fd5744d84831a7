"""Keep bases in the registry, and bring them back from there.

Reads and writes the OCI layouts that it is given. Network: the registry.

Not by skopeo: it follows a registry from https to http with its credentials
(docs/decisions/0020).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ToolError
from pipelines.image import oci
from pipelines.image.lock import Base
from pipelines.tools.login import Login
from pipelines.tools.patience import Patience
from pipelines.tools.registry import Registry
from pipelines.tools.web import Web

_DEADLINE = 1200  # seconds for all of a base


@dataclass(frozen=True, slots=True)
class Store:
    """The registry of bases, and how to log in there."""

    registry: str  # "host/path"; "" for none
    login: Login | None = None
    variables: str = ""  # what a user sets to log in, for messages
    authority: Path | None = None  # certificates that are trusted besides the public ones


def push(layout: Path, base: Base, store: Store) -> None:
    """Copy *base* from *layout* to *store*, its digest kept; what is there already is not sent again."""
    with _registry(store, base.name, "pull,push") as registry:
        manifest, parts = oci.parts(layout)
        for digest in parts:
            if not registry.has(digest):
                registry.upload(digest, layout / "blobs" / digest.replace(":", "/"))
        if not registry.put_manifest(tag(base), manifest):
            found = registry.manifest(tag(base))
            if found is None or found.digest != base.digest:
                raise ToolError(f"{registry.place}:{tag(base)}: is another base there; remove that tag")


def pull(base: Base, store: Store, folder: Path) -> None:
    """Write *base* from *store* into *folder*, which is not there yet, as an OCI layout."""
    with _registry(store, base.name, "pull") as registry:
        found = registry.manifest(base.digest)
        if found is None:
            raise ToolError(
                f"{registry.place}: has no base {base.digest[:19]}; run `make bases` where it can be pushed,"
                " or make it here: `make base`"
            )
        oci.store(folder, found.data, registry.blob)


def tag(base: Base) -> str:
    """Return the tag of *base*: registries collect what has none."""
    return f"{base.arch}-{base.digest.removeprefix('sha256:')[:12]}"


@contextmanager
def _registry(store: Store, name: str, actions: str) -> Iterator[Registry]:
    with Web(Patience(_DEADLINE), store.authority) as web:
        place = f"{store.registry}/base-{name}"
        yield Registry(web, place, store.login, store.variables, actions)
