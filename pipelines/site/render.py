"""Run Pelican over documents that are converted already, and let nothing slip by.

Reads pelicanconf.py and theme/templates. Writes HTML and feeds below a folder
that the caller names. No network. What Pelican logs as an error is an error.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import pelican
from pelican.settings import read_settings

from pipelines.errors import Fault, PipelineError, SourceError
from pipelines.site.plugin import Build
from pipelines.site.plugins import Timed
from pipelines.site.sources import CONTENT, UrlPatterns

SETTINGS = "pelicanconf.py"
# Said by Pelican of what is no fault here.
_NOISE = ("Empty alt attribute", "Other images have empty alt", "Unable to import", "No timezone information")


def settings(project: Path) -> dict[str, Any]:
    """Read *project*/pelicanconf.py; raise SourceError where it cannot be run."""
    file = project / SETTINGS
    if not file.exists():
        remedy = "take the one that comes with this program"
        raise SourceError([Fault(SETTINGS, 0, "no such file", remedy)])
    try:
        found: dict[str, Any] = read_settings(str(file))
    except PipelineError:
        raise
    except SyntaxError as error:
        fault = Fault(SETTINGS, error.lineno or 0, f"is not Python: {error.msg}", "mend it")
        raise SourceError([fault]) from None
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        if not lines:
            raise
        what = f"{type(error).__name__}: {error}"
        raise SourceError([Fault(SETTINGS, lines[-1] or 0, what, "mend that line")]) from None
    return found


def url_patterns(found: Mapping[str, Any]) -> UrlPatterns:
    """Take the patterns of URLs from Pelican's settings; raise SourceError for one that ends badly."""
    keys = ("ARTICLE_URL", "ARTICLE_LANG_URL", "PAGE_URL", "PAGE_LANG_URL")
    faults = []
    for key in keys:
        if not str(found[key]).endswith("/"):
            remedy = 'let it end in a slash, as in "posts/{slug}/"'
            faults.append(Fault(SETTINGS, 0, f"{key} = {found[key]!r} is no clean URL", remedy))
    if faults:
        raise SourceError(faults)
    return UrlPatterns(*(str(found[key]) for key in (*keys, "SLUGIFY_SOURCE")))


def render(project: Path, base: Mapping[str, Any], build: Build, out: Path) -> dict[str, float]:
    """Render *build* into *out*; return the seconds that each Pelican plugin took.

    Raises SourceError for faults of templates and PipelineError for what
    Pelican itself reports.
    """
    documents = [page.document for page in build.pages.values()]
    own = {
        **base,
        "BUILD": build,
        "PATH": str(project / CONTENT),
        "THEME": str(project / "theme"),
        "OUTPUT_PATH": str(out),
        "ARTICLE_PATHS": [d.path[len(CONTENT) + 1 :] for d in documents if d.kind == "post"],
        "PAGE_PATHS": [d.path[len(CONTENT) + 1 :] for d in documents if d.kind == "page"],
        "STATIC_PATHS": [],
        "ARTICLE_ORDER_BY": _newest_first,
        "PAGE_ORDER_BY": lambda page: page.source_path,
        "WITH_FUTURE_DATES": True,  # which posts are due was decided before
        "FORMATTED_FIELDS": [],
        "CACHE_CONTENT": False,
        "LOAD_CONTENT_CACHE": False,
        "DELETE_OUTPUT_DIRECTORY": False,
        "RELATIVE_URLS": False,
        "IGNORE_FILES": [],
        "JINJA_ENVIRONMENT": {**base["JINJA_ENVIRONMENT"], "auto_reload": False},
    }
    if not own["ARTICLE_PATHS"]:
        own["ARTICLE_PATHS"] = ["/nothing"]  # Pelican takes an empty list for the whole folder
    if not own["PAGE_PATHS"]:
        own["PAGE_PATHS"] = ["/nothing"]
    with _heard() as heard:
        runner = Timed(own)
        try:
            runner.run()
        except (jinja2.TemplateError, LookupError) as error:
            if fault := _template_fault(error, project):
                raise SourceError([fault]) from error
            raise
        finally:
            runner.close()
    if heard:
        raise PipelineError("\n".join(heard))
    return dict(runner.seconds)


def _newest_first(article: Any) -> tuple[float, str]:
    """Order posts by date, and those of one moment by path: Pelican's own leaves that to chance."""
    return -article.date.timestamp(), article.source_path


def _template_fault(error: Exception, project: Path) -> Fault | None:
    templates = str(project / "theme" / "templates")
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        name, line, what = error.filename, error.lineno, error.message or "syntax error"
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(templates)]
        if not frames:
            if isinstance(error, jinja2.TemplateNotFound):
                return Fault("theme/templates", 0, f"no template {error.message}", "add it")
            return None
        name, line, what = (
            frames[-1].filename,
            frames[-1].lineno or 0,
            str(error.args[0] if error.args else error),
        )
    path = Path(name).relative_to(project).as_posix() if name.startswith(str(project)) else name
    text, _, remedy = re.sub(r"\s+", " ", what).partition("; ")
    return Fault(path, line, text, remedy or "mend the template")


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what Pelican logs as an error or a warning, and keep it off the terminal."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = " ".join(record.getMessage().split())
            if not text.startswith(_NOISE):
                cause = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
                heard.append(f"pelican: {text}" + (f" ({cause})" if cause else ""))
                if cause and not isinstance(cause, PipelineError):
                    heard[-1] += "\n" + "".join(traceback.format_exception(cause)).rstrip()

    logger = logging.getLogger("pelican")
    ear, before, quiet = Ear(logging.WARNING), logger.propagate, pelican.console.quiet
    logger.addHandler(ear)
    logger.propagate, pelican.console.quiet = False, True
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
        logger.propagate, pelican.console.quiet = before, quiet
