"""Parse the time up to which posts are due: --as-of, and the trailer As-Of of a commit.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pipelines.core.errors import PipelineError
from pipelines.core.trailers import AS_OF

TIME_FORMATS = "write 2026-11-23, 2026-11-23T18:30:00Z or seconds since 1970"


def scheduled_time(trailers: tuple[str, ...]) -> int:
    """Return the time in *trailers*, the values of As-Of, in seconds since 1970; 0 without one."""
    if not trailers:
        return 0
    if len(trailers) > 1:
        raise PipelineError(f"HEAD: has {len(trailers)} trailers {AS_OF}; keep one")
    found = parse_time(trailers[0])
    if found is None or found <= 0:
        raise PipelineError(f"HEAD: {AS_OF}: {trailers[0]!r} is not a time; {TIME_FORMATS}")
    return found


def parse_time(text: str) -> int | None:
    """Return the time *text* in seconds since 1970; None for a format not in ``TIME_FORMATS``."""
    try:
        if re.fullmatch(r"\d{1,11}", text):
            return int(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
