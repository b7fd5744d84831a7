"""Push images to the registry: the parts that it lacks, and a tag that is the version.

Reads layouts in out/images/. Network: the registry. No writes here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage, with_manifest
from pipelines.tools.parallel import run_parallel
from pipelines.tools.registry import Registry

_WORKERS = 4

Advance = Callable[[int], None]


def is_published(registry: Registry, image: BundledImage, tag: str) -> bool:
    """Return whether *tag* names *image*; raise PipelineError when it names another."""
    found = registry.manifest(tag)
    if found is not None and found.digest != image.digest:
        raise PipelineError(
            f"{registry.location}:{tag}: is {found.digest[:19]} there and {image.digest[:19]} here,"
            " and a version is never changed; commit, which makes a new one"
        )
    return found is not None


def with_remote_manifest(registry: Registry, image: BundledImage) -> BundledImage:
    """Return *image* with its manifest, read from the registry where it was not packed here."""
    if image.layout is not None:
        return image
    found = registry.manifest(image.digest)
    if found is None:
        raise PipelineError(
            f"{registry.location}: has no image {image.digest[:19]} any more; restore it"
            " with `python -m pipelines archive restore`, or release another commit"
        )
    return with_manifest(image, found.data)


def complete_image(registry: Registry, image: BundledImage) -> BundledImage:
    """Return *image* with its manifest; raise PipelineError when the registry lacks any part of it."""
    complete = with_remote_manifest(registry, image)
    digests = [blob.digest for blob in complete.blobs]
    present = run_parallel(registry.has, digests, _WORKERS, registry.retry_policy)
    missing = [digest for digest, found in zip(digests, present, strict=True) if not found]
    if missing:
        raise PipelineError(
            f"{registry.location}: {missing[0][:19]} of {image.name} is missing; choose another release"
        )
    return complete


def send_image(registry: Registry, image: BundledImage, tag: str, advance: Advance) -> tuple[str, ...]:
    """Push the parts of *image* that the registry lacks, then its tag; return what was sent.

    The tag comes last, and a registry refuses a manifest without its parts: a
    tagged image is complete. Raises PipelineError when the tag names another image.
    """
    if is_published(registry, image, tag):
        advance(len(image.blobs) + 1)
        return ()

    def push_blob(digest: str) -> bool:
        present = registry.has(digest)
        if not present and image.layout is None:
            raise PipelineError(f"{registry.location}: has lost {digest[:19]} of image {image.name}")
        if not present:
            registry.upload(digest, image.path(digest))
        advance(1)
        return not present

    digests = [blob.digest for blob in image.blobs]
    new = run_parallel(push_blob, digests, _WORKERS, registry.retry_policy)
    tag_image(registry, image, tag)
    advance(1)
    return (*(digest for digest, is_new in zip(digests, new, strict=True) if is_new), tag)


def tag_image(registry: Registry, image: BundledImage, tag: str) -> None:
    """Tag *image*, whose parts are in the registry, as *tag*."""
    if not registry.put_manifest(tag, image.manifest) and not is_published(registry, image, tag):
        raise PipelineError(f"{registry.location}:{tag}: was removed during the push; run it again")
