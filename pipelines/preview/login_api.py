"""The login API in this process: loaded when it is first wanted, with its tables up to date.

The one door from here to api/, and so to Django. Reads and writes var/ of the
project, or the database that the environment names. Sets the environment of
this process, which is where Django's settings look.
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
    """The API of *project* for readers on *port*; *proxy* says whether NGINX is in front."""

    def __init__(
        self, project: Path, port: int, environ: Mapping[str, str], log: Log, *, proxy: bool = False
    ) -> None:
        self.site_url = api_environment.site_url(environ, port)
        self._project, self._port, self._told, self._proxy, self._log = project, port, environ, proxy, log
        self._loading: asyncio.Future[ASGIApp] | None = None
        self._failed = ""  # what was said last

    @property
    def loading(self) -> bool:
        """Return whether a thread is at it."""
        return self._loading is not None and not self._loading.done()

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Return Django's application; raise PipelineError while there is none, and try anew next time."""
        loading = self._loading = self._loading or self._begin(site)
        try:
            return await asyncio.shield(loading)
        except PipelineError:
            if self._loading is loading:
                self._loading = None
            raise

    def _begin(self, site: SiteConfig) -> asyncio.Future[ASGIApp]:
        """Load in a thread: pages are served meanwhile, and the end waits for no import."""
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
            api, fresh = load_api(self._project, site, self._told, port=self._port, proxy=self._proxy)
        except PipelineError as error:
            self._tell(str(error))
            raise
        except (Exception, SystemExit) as error:  # ours, not the author's: to be seen in full
            self._tell(traceback.format_exc())
            raise PipelineError(f"{type(error).__name__}: {error}; the terminal tells more") from error
        if fresh:
            self._log("the tables of the login are up to date; add a member: make user EMAIL=you@example.org")
        return api

    def _tell(self, fault: str) -> None:
        """Say *fault* once, though every request finds it anew."""
        if fault != self._failed:
            self._log(f"the login does not run: {fault}")
        self._failed = fault


def load_api(
    project: Path, site: SiteConfig, environ: Mapping[str, str], *, port: int, proxy: bool = False
) -> tuple[ASGIApp, bool]:
    """Load Django into this process, once, and bring the tables up to date.

    *told* is the environment. Returns Django's application, and whether tables
    were made or changed. Raises PipelineError when the environment does not
    fit, or the database does not answer.
    """
    with api_environment.single_instance_lock(project):
        os.environ.update(api_environment.api_variables(project, site, environ, port=port, proxy=proxy))
        with api_faults():
            return _django(), _migrate()


@contextmanager
def api_faults() -> Iterator[None]:
    """Tell what is wrong with the environment or the database in a line."""
    from api.config.environment import InvalidEnvironment  # here and below: Django costs half a second

    try:
        yield
    except InvalidEnvironment as error:
        raise PipelineError(f"the environment does not fit the login:\n{error}") from None
    except Exception as error:
        from django.db import DatabaseError

        if isinstance(error, DatabaseError):
            what = (str(error).strip() or type(error).__name__).splitlines()[0]
            fix = f"look at DATABASE_URL, or at {api_environment.DATABASE}"
            raise PipelineError(f"the database of the login: {what}; {fix}") from error
        raise


def _django() -> ASGIApp:
    os.environ["DJANGO_SETTINGS_MODULE"] = "api.config.settings"
    # WhiteNoise hands files of the admin over piece by piece; in memory they are small.
    warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")
    with _own_time_zone():
        from api.config.asgi import application
    return cast("ASGIApp", application)  # Django's types are narrower


@contextmanager
def _own_time_zone() -> Iterator[None]:
    """Keep the time zone: Django's setup gives its own to the whole process, terminal included."""
    zone = os.environ.get("TZ")
    try:
        yield
    finally:
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()


def _migrate() -> bool:
    """Bring the tables up to date; return whether there was anything to do."""
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
