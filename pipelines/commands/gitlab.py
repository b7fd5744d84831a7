"""Read GitLab's variables of the running CI pipeline.

No reads, no writes, no network: the environment is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.core.errors import PipelineError

if TYPE_CHECKING:
    from pipelines.flow.versioning import Pipeline

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}\Z")


def pipeline_from(environ: Mapping[str, str]) -> Pipeline:
    """Return the CI pipeline of *environ*; all fields are "" outside of GitLab."""
    from pipelines.flow.versioning import Pipeline

    return Pipeline(
        merge_request=environ.get("CI_MERGE_REQUEST_IID", ""),
        number=environ.get("CI_PIPELINE_IID", ""),
        branch=environ.get("CI_COMMIT_BRANCH", ""),
        default=default_branch(environ),
        tag=environ.get("CI_COMMIT_TAG", ""),
    )


def default_branch(environ: Mapping[str, str]) -> str:
    """Return the name of the default branch; "" outside of GitLab."""
    return environ.get("CI_DEFAULT_BRANCH", "")


def require_image_digest(environ: Mapping[str, str]) -> None:
    """Raise PipelineError in GitLab where SITE_CI_IMAGE names the image of the jobs without its digest.

    `publish` runs in that image with every credential, and a tag may name another
    image tomorrow.
    """
    image = environ.get("SITE_CI_IMAGE", "")
    if environ.get("GITLAB_CI") == "true" and image and not _DIGEST.search(image):
        raise PipelineError(
            f"SITE_CI_IMAGE: {image} has no digest, so that it may name another image tomorrow;"
            " run `make ci-image` and commit .gitlab-ci.yml"
        )
