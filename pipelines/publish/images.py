"""Send images to the registry: what it lacks, under a tag that is the version.

Reads layouts in out/images/. Network: the registry. No writes here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage, with_manifest
from pipelines.tools.parallel import run_parallel
from pipelines.tools.registry import Registry

_AT_ONCE = 4  # blobs

Advance = Callable[[int], None]


def is_published(registry: Registry, image: BundledImage, tag: str) -> bool:
    """Return whether *tag* names *image* already; raise PipelineError when it names another."""
    found = registry.manifest(tag)
    if found is not None and found.digest != image.digest:
        raise PipelineError(
            f"{registry.place}:{tag}: is {found.digest[:19]} there and {image.digest[:19]} here,"
            " and a version is never changed; commit, which makes a new one"
        )
    return found is not None


def with_remote_manifest(registry: Registry, image: BundledImage) -> BundledImage:
    """Return *image* with its manifest, from the registry where it was not packed here."""
    if image.layout is not None:
        return image
    found = registry.manifest(image.digest)
    if found is None:
        raise PipelineError(
            f"{registry.place}: has no image {image.digest[:19]} any more; bring it back"
            " with `python -m pipelines archive restore`, or release another commit"
        )
    return with_manifest(image, found.data)


def complete_image(registry: Registry, image: BundledImage) -> BundledImage:
    """Return *image* with its manifest; raise PipelineError when the registry lacks any part of it."""
    found = with_remote_manifest(registry, image)
    digests = [one.digest for one in found.blobs]
    known = run_parallel(registry.has, digests, _AT_ONCE, registry.retry_policy)
    gone = [digest for digest, there in zip(digests, known, strict=True) if not there]
    if gone:
        raise PipelineError(
            f"{registry.place}: {gone[0][:19]} of {image.name} is gone; choose another release"
        )
    return found


def send_image(registry: Registry, image: BundledImage, tag: str, advance: Advance) -> tuple[str, ...]:
    """Send the parts of *image* that the registry lacks, then its tag; return what was sent.

    The tag comes last, and a registry takes no manifest whose parts it has not:
    who finds the tag finds all of it. Raises PipelineError when the tag names
    another image.
    """
    if is_published(registry, image, tag):
        advance(len(image.blobs) + 1)
        return ()

    def blob(digest: str) -> bool:
        there = registry.has(digest)
        if not there and image.layout is None:
            raise PipelineError(f"{registry.place}: has lost {digest[:19]} of image {image.name}")
        if not there:
            registry.upload(digest, image.path(digest))
        advance(1)
        return not there

    digests = [one.digest for one in image.blobs]
    fresh = run_parallel(blob, digests, _AT_ONCE, registry.retry_policy)
    tag_image(registry, image, tag)
    advance(1)
    return (*(digest for digest, new in zip(digests, fresh, strict=True) if new), tag)


def tag_image(registry: Registry, image: BundledImage, tag: str) -> None:
    """Let *tag* name *image*, whose parts are there."""
    if not registry.put_manifest(tag, image.manifest) and not is_published(registry, image, tag):
        raise PipelineError(f"{registry.place}:{tag}: was taken away while it was written; run it again")
