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
    from pipelines.core.trailers import AS_OF
    from pipelines.flow.scheduled_time import TIME_FORMATS, parse_time, scheduled_time
    from pipelines.tools.git_history import read_head_time

    text = text or context.environ.get("SOURCE_DATE_EPOCH")
    if text:
        if (found := parse_time(text)) is None:
            raise UsageError(f"--as-of {text!r} is not a time; {TIME_FORMATS}")
        return found
    if head := read_head_time(context.project, AS_OF):
        time, trailers = head
        return scheduled_time(trailers) or time
    now = int(context.now())
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context.log(f"no Git here: posts are due as of the clock; for equal bytes: --as-of {shown}")
    return now
