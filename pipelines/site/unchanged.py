"""End a build at once where nothing has changed since the last one.

The cache keeps the digest of everything that the last successful build has read
(inputs.py), and that of the site which it wrote (output/listing.py). Where both are
still the same, a build would give the same site, result and findings.

Reads the project, out/site and the store. Writes the store. No network.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import msgspec
from msgspec.structs import replace

from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.results import SiteResult
from pipelines.site.inputs import Inputs
from pipelines.site.output.directory_swap import RECORD, is_linked
from pipelines.site.output.listing import read_listing
from pipelines.site.store import Store

_KIND = "built"  # of the records: one for each directory that a build writes


class _Built(msgspec.Struct, frozen=True, array_like=True):
    """The last successful build."""

    inputs: str  # their digest
    listing: bytes  # of its site


def last_result(store: Store, out: Path, inputs: Inputs) -> SiteResult | None:
    """Return the result of the last build into *out* if *inputs* and its site are unchanged, else None."""
    start = perf_counter()
    data = store.records(_KIND).get(out.name)
    if data is None:
        return None
    try:
        built = msgspec.msgpack.decode(data, type=_Built)
        if built.inputs != inputs.digest or not is_linked(out) or read_listing(out) != built.listing:
            return None
        result = results.read_site(out / RECORD)
    except (msgspec.MsgspecError, OSError, PipelineError):
        return None
    return replace(result, phases={"compare": round(perf_counter() - start, 3)}, plugins={})


def remember(store: Store, out: Path, inputs: Inputs, listing: bytes) -> bool:
    """Store that the site at *out*, with the digest *listing*, was built of *inputs*; return if it was."""
    if not inputs.are_current():  # the build may have read what was there before, or after
        return False
    store.save(_KIND, {out.name: msgspec.msgpack.encode(_Built(inputs.digest, listing))}, {})
    return True
