"""Load the login API into this process on its first request, and migrate its database.

The only importer of api/, and so of Django. Reads and writes var/ of the project,
or the database that the environment names. Sets the environment of this process,
from which Django's settings are read.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import cast

from starlette.types import ASGIApp

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.progress import Log
from pipelines.preview import api_environment


class LoginApi:
    """The login API of *project* for readers on *port*; *proxy*: NGINX is in front."""

    def __init__(
        self, project: Path, port: int, environ: Mapping[str, str], log: Log, *, proxy: bool = False
    ) -> None:
        self.site_url = api_environment.site_url(environ, port)
        self._project, self._port, self._environ, self._proxy, self._log = project, port, environ, proxy, log
        self._loading: asyncio.Future[ASGIApp] | None = None
        self._last_error = ""  # the error that was logged last

    @property
    def loading(self) -> bool:
        """Return whether a thread is loading the API."""
        return self._loading is not None and not self._loading.done()

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Return Django's application; raise PipelineError when it cannot be loaded, and retry next time."""
        loading = self._loading = self._loading or self._start_loading(site)
        try:
            return await asyncio.shield(loading)
        except PipelineError:
            if self._loading is loading:
                self._loading = None
            raise

    def _start_loading(self, site: SiteConfig) -> asyncio.Future[ASGIApp]:
        """Load in a daemon thread: pages are served meanwhile, and the process can exit."""
        future = Future[ASGIApp]()

        def run() -> None:
            try:
                future.set_result(self._load(site))
            except PipelineError as error:
                future.set_exception(error)

        Thread(target=run, name="login", daemon=True).start()
        return asyncio.wrap_future(future)

    def _load(self, site: SiteConfig) -> ASGIApp:
        try:
            api, migrated = load_api(self._project, site, self._environ, port=self._port, proxy=self._proxy)
        except PipelineError as error:
            self._log_once(str(error))
            raise
        except (Exception, SystemExit) as error:  # a bug of ours: keep the traceback
            self._log_once(traceback.format_exc())
            raise PipelineError(
                f"{type(error).__name__}: {error}; the terminal shows the traceback"
            ) from error
        if migrated:
            self._log("the login's database is migrated; create a member: make user EMAIL=you@example.org")
        return api

    def _log_once(self, error: str) -> None:
        """Log *error* once, though every request raises it."""
        if error != self._last_error:
            self._log(f"the login does not run: {error}")
        self._last_error = error


def load_api(
    project: Path, site: SiteConfig, environ: Mapping[str, str], *, port: int, proxy: bool = False
) -> tuple[ASGIApp, bool]:
    """Load Django into this process, once, and migrate the database.

    Returns Django's application, and whether there was anything to migrate. Raises
    PipelineError for an invalid environment, and when the database fails.
    """
    with api_environment.single_instance_lock(project):
        os.environ.update(api_environment.api_variables(project, site, environ, port=port, proxy=proxy))
        with api_errors():
            return _load_django(), _migrate()


@contextmanager
def api_errors() -> Iterator[None]:
    """Turn errors of the environment or the database into PipelineError."""
    from api.config.environment import InvalidEnvironment  # here and below: Django costs half a second

    try:
        yield
    except InvalidEnvironment as error:
        raise PipelineError(f"the login's environment is invalid:\n{error}") from None
    except Exception as error:
        from django.db import DatabaseError

        if isinstance(error, DatabaseError):
            what = (str(error).strip() or type(error).__name__).splitlines()[0]
            fix = f"check DATABASE_URL, or {api_environment.DATABASE}"
            raise PipelineError(f"the database of the login: {what}; {fix}") from error
        raise


def _load_django() -> ASGIApp:
    os.environ["DJANGO_SETTINGS_MODULE"] = "api.config.settings"
    # WhiteNoise streams the admin's files; in memory they are small.
    warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")
    with _preserve_time_zone():
        from api.config.asgi import application
    return cast("ASGIApp", application)  # Django's types are narrower


@contextmanager
def _preserve_time_zone() -> Iterator[None]:
    """Restore the time zone that Django's setup changes for the whole process, its log included."""
    zone = os.environ.get("TZ")
    try:
        yield
    finally:
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()


def _migrate() -> bool:
    """Migrate the database; return whether there was anything to migrate."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        call_command("migrate", verbosity=0, interactive=False)
        return True
    finally:
        connection.close()  # this thread's; requests have their own
