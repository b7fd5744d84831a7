"""Read Git's history of content/, with the log that earlier builds have cached.

Reads the repository and the cache. No writes, no network.
"""

from __future__ import annotations

from pipelines.site.cache import Cache
from pipelines.site.content.read_policy import CONTENT, THEME
from pipelines.tools import git_history
from pipelines.tools.git_history import History, Log, Refresh
from pipelines.tools.git_repository import Repository


def read_cached_history(repo: Repository | None, cache: Cache) -> History | None:
    """Return the history of the project in *repo*; None without Git. Of the log, newer commits are read."""

    def cached(state: str, refresh: Refresh) -> Log:
        return cache.refresh("history", state, refresh, Log)

    return git_history.read_history(repo, CONTENT, [THEME], cached)
