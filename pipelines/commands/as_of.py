"""The time that decides which posts are due.

Reads the repository. Writes a line to the log where the clock decides. No network.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.commands.context import Context
from pipelines.core.errors import UsageError


def resolve_as_of(context: Context, text: str | None) -> int:
    """Return the time of --as-of *text*, in seconds since 1970.

    Without *text*: SOURCE_DATE_EPOCH, else the trailer As-Of of HEAD, else its
    commit time, else (a tree without Git) the clock. Raises UsageError for what
    is not a time.
    """
    from pipelines.flow import versioning
    from pipelines.tools import checkout, commits

    text = text or context.environ.get("SOURCE_DATE_EPOCH")
    if text:
        if (found := versioning.parse_time(text)) is None:
            raise UsageError(f"--as-of {text!r} is not a time; {versioning.TIME_FORMATS}")
        return found
    if time_of_head := commits.commit_time(context.project, "HEAD"):
        trailers = commits.commit_trailers(context.project, "HEAD", checkout.AS_OF)
        return versioning.scheduled_time(trailers) or time_of_head
    now = int(context.now())
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context.log(f"no Git here: posts are due as of the clock; for equal bytes: --as-of {shown}")
    return now
