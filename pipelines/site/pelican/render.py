"""Run Pelican on converted documents to plan the pages; its warnings and errors fail the build.

Reads pelicanconf.py and theme/templates. Writes static files of the theme, and what other
plugins write, below a given directory. No network.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import pelican
from pelican import signals
from pelican.generators import Generator, PelicanTemplateNotFound
from pelican.settings import read_settings

from pipelines.core.errors import Fault, PipelineError, SourceError, suggest
from pipelines.site.cache import Cache
from pipelines.site.content.front_matter import read_text
from pipelines.site.content.read_policy import CONTENT, THEME
from pipelines.site.pelican.build_context import CACHE_SETTING, CONTEXT_SETTING, BuildContext
from pipelines.site.pelican.jobs import PLAN_SETTING, Plan
from pipelines.site.pelican.plugin_timing import TimedPlugins
from pipelines.site.pelican.settings_file import (
    PLUGIN,
    SETTINGS,
    has_other_plugins,
    no_bytecode,
    settings_files,
)
from pipelines.site.reads import MISSING, digest_parts, digest_text
from pipelines.site.theme.strict_undefined import StrictUndefined
from pipelines.site.theme.template_cache import TemplateCache

TEMPLATES = f"{THEME}/templates"
# Templates that every site needs.
_REQUIRED_TEMPLATES = (
    *("403", "404", "503", "archives", "article", "category", "index", "page", "period_archives"),
    *("series", "series_list", "tag"),
)
_LOGIN_TEMPLATES = ("account", "login", "members", "reset", "reset_new", "verify")
# Messages of Pelican that are not faults here.
_IGNORED_MESSAGES = (
    "Empty alt attribute",
    "Other images have empty alt",
    "Unable to import",
    "No timezone information",
)


def pelican_settings(project: Path) -> dict[str, Any]:
    """Read *project*/pelicanconf.py; raises SourceError if it fails."""
    file = project / SETTINGS
    faults = []
    if not file.exists():
        faults.append(
            Fault(SETTINGS, 0, "no such file", "copy the one that comes with this program", "project")
        )
    elif not file.is_file():  # a named pipe would block
        faults.append(
            Fault(SETTINGS, 0, "is not a file", "copy the one that comes with this program", "project")
        )
    for folder in (CONTENT, TEMPLATES):
        if not (project / folder).is_dir():
            faults.append(
                Fault(folder, 0, "no such folder", "restore it, or name another --project", "project")
            )
    if faults:
        raise SourceError(faults)
    try:
        with captured_log() as messages, no_bytecode():
            found: dict[str, Any] = read_settings(str(file))
    except PipelineError:
        raise
    except SyntaxError as error:
        fault = Fault(SETTINGS, error.lineno or 0, f"is not Python: {error.msg}", "fix it", "project")
        raise SourceError([fault]) from None
    except (Exception, SystemExit) as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        if not lines and not isinstance(error, ValueError):  # of an invalid setting
            raise
        what = f"{type(error).__name__}: {error}"
        line = (lines[-1] or 0) if lines else 0
        raise SourceError(
            [Fault(SETTINGS, line, what, "fix that line" if line else "fix it", "project")]
        ) from None
    if PLUGIN not in map(str, found["PLUGINS"] or ()):
        messages.append(f"PLUGINS lacks {PLUGIN!r}")
    if messages:
        raise SourceError(
            Fault(SETTINGS, 0, text.removeprefix("pelican: "), "fix it", "project") for text in messages
        )
    return found


def _copy_static(project: Path, theme: Collection[str], paths: Sequence[str], out: Path) -> None:
    """Copy the files of *theme* below *paths*, directories of theme/, into *out*."""
    for path in paths:
        folder = (Path(THEME) / path).as_posix()
        for file in theme:
            if file.startswith(f"{folder}/"):
                target = out / file.removeprefix(f"{folder}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project / file, target)


def plan_pages(
    project: Path,
    base: Mapping[str, Any],
    build: BuildContext,
    raw: Path,
    cache: Cache,
    theme: Collection[str],
) -> tuple[Plan, dict[str, float]]:
    """Run Pelican on *build*; return the pages and feeds to render, and the seconds of each plugin.

    *theme* lists the readable files of theme/, relative to the project. Files that are
    no pages (static files of the theme, those of other plugins) are written into *raw*.
    Raises SourceError for faults of templates and PipelineError for messages of Pelican.
    """
    _check_templates(project, theme, base, build.config.login)
    documents = [page.document for page in build.pages.values()]
    sources = _TemplateSources(project, theme, base["THEME_TEMPLATES_OVERRIDES"])
    digest = settings_digest(project, base)
    plan = Plan(build, digest, sources.digest, at_once=has_other_plugins(base))
    own = {
        **base,
        CONTEXT_SETTING: build,
        CACHE_SETTING: cache,
        PLAN_SETTING: plan,
        "PATH": str(project / CONTENT),
        "THEME": str(project / "theme"),
        "OUTPUT_PATH": str(raw),
        "ARTICLE_PATHS": [d.path[len(CONTENT) + 1 :] for d in documents if d.kind == "post"],
        "PAGE_PATHS": [d.path[len(CONTENT) + 1 :] for d in documents if d.kind == "page"],
        "STATIC_PATHS": [],
        "ARTICLE_ORDER_BY": _newest_first,
        "PAGE_ORDER_BY": lambda page: page.source_path,
        "WITH_FUTURE_DATES": True,  # posts that are not due are excluded already
        "FORMATTED_FIELDS": [],
        "CACHE_CONTENT": False,
        "LOAD_CONTENT_CACHE": False,
        "DELETE_OUTPUT_DIRECTORY": False,
        "RELATIVE_URLS": False,
        "THEME_STATIC_PATHS": [],  # Pelican would follow every symbolic link; see _copy_static
        "JINJA_ENVIRONMENT": {
            "undefined": StrictUndefined,
            **base["JINJA_ENVIRONMENT"],
            "autoescape": True,  # the plugin passes HTML as Markup, titles as text
            "auto_reload": False,
            "bytecode_cache": TemplateCache(cache, digest.hex(), lasting=not _has_own_code(base)),
        },
    }
    if not own["ARTICLE_PATHS"]:
        own["ARTICLE_PATHS"] = ["/nothing"]  # an empty list means the whole folder
    if not own["PAGE_PATHS"]:
        own["PAGE_PATHS"] = ["/nothing"]
    with captured_log() as messages, signals.generator_init.connected_to(sources.set_loader):
        runner = TimedPlugins(own)
        try:
            runner.run()
        except PipelineError:
            raise
        except Exception as error:
            if fault := template_fault(error, project, base["THEME_TEMPLATES_OVERRIDES"]):
                raise SourceError([fault]) from error
            raise
        finally:
            runner.close()
    _copy_static(project, theme, base["THEME_STATIC_PATHS"], raw / str(base["THEME_STATIC_DIR"]))
    if messages:
        raise PipelineError("\n".join(messages))
    return plan, dict(runner.seconds)


def settings_digest(project: Path, base: Mapping[str, Any]) -> bytes:
    """Return the digest of pelicanconf.py, of the modules of the project that it imports, and of its
    options for Jinja.
    """
    parts = [file.read_bytes() for file in settings_files(project)]
    options = sorted(
        (key, repr(value)) for key, value in base["JINJA_ENVIRONMENT"].items() if _is_plain(value)
    )
    return digest_parts([*parts, repr(options)])


def _has_own_code(base: Mapping[str, Any]) -> bool:
    """Return whether Jinja runs code of the project, or of a plugin, when it compiles a template.

    It computes a filter or a test of a constant then, and applies "finalize" to the text.
    """
    options = base["JINJA_ENVIRONMENT"]
    extensions = options.get("extensions") or ()
    return (
        has_other_plugins(base)
        or bool(base["JINJA_FILTERS"] or base["JINJA_TESTS"])
        or not all(_is_plain(value) for value in options.values())
        or not all(isinstance(one, str) and one.startswith("jinja2.") for one in extensions)
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float, bool, list, tuple, type(None)))


def _newest_first(article: Any) -> tuple[float, str]:
    """Sort key: newest first, then by path; Pelican's own order is not deterministic."""
    return -article.date.timestamp(), article.source_path


class _OverrideLoader(jinja2.FileSystemLoader):
    """Load overrides from the directories in pelicanconf.py; skip hidden files and links out of them."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of *template*; raises TemplateNotFound."""
        text, file, fresh = super().get_source(environment, template)
        inside = any(Path(file).resolve().is_relative_to(Path(one).resolve()) for one in self.searchpath)
        if not inside or any(part.startswith(".") for part in template.split("/")):
            raise jinja2.TemplateNotFound(template)
        return text, file, fresh


class _ThemeLoader(jinja2.FileSystemLoader):
    """Load only the allowed templates of a directory."""

    def __init__(self, folder: Path, allowed: frozenset[str]) -> None:
        super().__init__(folder)
        self._allowed = allowed

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the source of *template*; raises TemplateNotFound."""
        if template not in self._allowed:
            raise jinja2.TemplateNotFound(template)
        return super().get_source(environment, template)


class _TemplateSources:
    """The templates of a project: those of theme/templates that may be read, and their overrides."""

    def __init__(self, project: Path, theme: Collection[str], overrides: Sequence[str]) -> None:
        allowed = frozenset(p.removeprefix(f"{TEMPLATES}/") for p in theme if p.startswith(TEMPLATES))
        own = _ThemeLoader(project / TEMPLATES, allowed)
        loaders: list[jinja2.BaseLoader] = [_OverrideLoader(overrides), own] if overrides else [own]
        # Pelican loads this template even if author pages are disabled. Its default theme is not
        # in the search path: it would hide a missing template.
        self._loader = jinja2.ChoiceLoader([*loaders, jinja2.DictLoader({"author.html": ""})])
        self._environment = jinja2.Environment(autoescape=True)  # for the loaders; it renders nothing
        self._digests: dict[str, bytes] = {}

    def set_loader(self, generator: Generator) -> None:
        """Load the templates of *generator* from here."""
        generator.env.loader = self._loader

    def digest(self, name: str) -> bytes:
        """Return the digest of the source of the template *name*; MISSING without one."""
        if name not in self._digests:
            try:
                source = self._loader.get_source(self._environment, name)[0]
                self._digests[name] = digest_text(source)
            except (jinja2.TemplateNotFound, UnicodeDecodeError):
                self._digests[name] = MISSING
        return self._digests[name]


def _check_templates(project: Path, theme: Collection[str], base: Mapping[str, Any], login: bool) -> None:
    faults: list[Fault] = []
    for path in sorted(theme):
        if not (path.startswith(f"{TEMPLATES}/") and path.endswith(".html")):
            continue
        try:
            read_text(project / path, path)
        except SourceError as error:
            faults.extend(error.faults)
    for name in sorted(
        {*_REQUIRED_TEMPLATES, *(_LOGIN_TEMPLATES if login else ()), *base["DIRECT_TEMPLATES"]}
    ):
        if not (project / TEMPLATES / f"{name}.html").exists():
            faults.append(
                Fault(f"{TEMPLATES}/{name}.html", 0, "no such file", "add it: the build requires it", "theme")
            )
    if faults:
        raise SourceError(faults)


def template_fault(error: Exception, project: Path, overrides: Sequence[str]) -> Fault | None:
    """Return *error* as a fault of its template; None for a bug of this program."""
    root = project / TEMPLATES
    frames = traceback.extract_tb(error.__traceback__)
    roots = tuple(f"{one}/" for one in (root, *overrides))
    inside = [frame for frame in frames if frame.filename.startswith(roots)]
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        name, line = error.filename, error.lineno
    elif inside:
        calls = [f for f in inside if isinstance(error, RecursionError) and "include" in (f.line or "")]
        name, line = (calls or inside)[-1].filename, (calls or inside)[-1].lineno or 0
    elif isinstance(error, PelicanTemplateNotFound):
        name, line = str(root), 0
    else:
        return None
    if isinstance(error, jinja2.TemplateNotFound):
        known = [file.relative_to(root).as_posix() for file in root.rglob("*.html")]
        what = f"no template {error.name!r}; {suggest(str(error.name), known)}"
    elif isinstance(error, RecursionError):
        what = "includes or calls itself endlessly"
    elif isinstance(error, (jinja2.TemplateError, PelicanTemplateNotFound)) or type(error) is LookupError:
        what = str(error.args[0] if error.args else error)  # t(), asset() and svg() raise LookupError
    elif frames[-1] in inside or "/jinja2/" in frames[-1].filename or "/markupsafe/" in frames[-1].filename:
        what = f"{type(error).__name__}: {error}"
    else:
        return None
    path = Path(name).relative_to(project).as_posix() if name.startswith(str(project)) else name
    text, _, fix = re.sub(r"\s+", " ", what).rstrip(".").partition("; ")
    return Fault(path, line, text, fix or "fix the template", "theme")


@contextmanager
def captured_log() -> Iterator[list[str]]:
    """Yield a list that collects Pelican's warnings and errors instead of printing them."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = " ".join(record.getMessage().split())
            if not text.startswith(_IGNORED_MESSAGES):
                cause = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
                messages.append(f"pelican: {text}" + (f" ({cause})" if cause else ""))
                if cause and not isinstance(cause, PipelineError):
                    messages[-1] += "\n" + "".join(traceback.format_exception(cause)).rstrip()

    logger = logging.getLogger("pelican")
    handler, before, quiet = Collector(logging.WARNING), logger.propagate, pelican.console.quiet
    logger.addHandler(handler)
    logger.propagate, pelican.console.quiet = False, True
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate, pelican.console.quiet = before, quiet
