"""Render the pages and feeds that Pelican has planned, each alone, and record what each one reads.

Pelican sorts, groups and paginates; its writer plans a job for each output file
instead of writing it (see writer.py). A job is a function of the values that its
template reads, so that it can run in any process, in any order, or not at all.

Reads the theme's templates. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from typing import Any

from jinja2 import Environment, Template
from jinja2.runtime import Context
from jinja2.utils import missing
from msgspec import Struct
from pelican.contents import Content
from pelican.generators import Generator
from pelican.utils import sanitised_join
from pelican.writers import FileOverwriteFailedError

from pipelines.site.pelican.build_context import BuildContext, Page
from pipelines.site.pelican.views import Views
from pipelines.site.reads import MISSING, Opaque, Read, Recorder, digest_parts, digest_text

PLAN_SETTING = "PLAN"  # the key of the plan in Pelican's settings
_RECORDING = "_pipelines_rendering"  # its name among the variables of a template


class LazyTemplate(Struct, frozen=True):
    """A template that is compiled when a page needs it."""

    name: str  # "article.html"
    environment: Environment

    def load(self) -> Template:
        """Return the compiled template; raises what Jinja raises."""
        return self.environment.get_template(self.name)


class PageJob(Struct, frozen=True):
    """One page: a template and its variables."""

    name: str  # of the output file, relative to the tree
    template: LazyTemplate
    values: Mapping[str, Any]  # its own variables; the others are those of all pages


class FeedJob(Struct, frozen=True):
    """One feed: its newest posts, newest first."""

    name: str
    items: Sequence[Any]  # posts of Pelican
    make: Callable[[], Any]  # the feed, of feedgenerator


Job = PageJob | FeedJob


@dataclass(slots=True)
class Plan:
    """The jobs of one build, in Pelican's order, and what all of them share."""

    build: BuildContext
    settings_digest: bytes  # of pelicanconf.py
    template_digest: Callable[[str], bytes]  # of the source of a template
    at_once: bool = False  # Pelican writes the pages itself
    original: Mapping[str, Any] = field(default_factory=dict)  # Pelican's context
    context: dict[str, Any] = field(default_factory=dict)  # the same with views: variables of all pages
    jobs: dict[str, Job] = field(default_factory=dict)  # by name
    terms: dict[tuple[type, str], Any] = field(default_factory=dict)  # authors, categories, tags by name
    recorder: Recorder | None = None  # of the job that runs
    assets: set[str] = field(default_factory=set)  # that jobs have used
    views: Views = field(init=False)
    _overridden: set[str] = field(default_factory=set)
    _shared: dict[Read, bytes] = field(default_factory=dict)  # digests that do not depend on the job
    _html: Callable[[str], str] = field(init=False)  # of the page with a path; a template reads it twice

    def __post_init__(self) -> None:
        self.views = Views(lambda item: self.page_of(item).digest, self.html_of, self.record)
        self._html = lru_cache(maxsize=1)(lambda path: self.build.pages[path].html())

    def page_of(self, item: Content) -> Page:
        """Return the page of a post or page of Pelican."""
        return self.build.pages[item.relative_source_path]

    def html_of(self, item: Content) -> str:
        """Return the HTML of the text of a post or page of Pelican."""
        return str(item._content) if self.at_once else self._html(item.relative_source_path)

    def begin(self, context: Mapping[str, Any]) -> None:
        """Take the variables of all pages from Pelican's *context*, when the first page is planned."""
        if not self.original:
            self.original = dict(context)
            self.context = {key: self.views.wrap(value) for key, value in context.items()}

    def add(self, job: Job, *, override: bool) -> None:
        """Plan *job*; as Pelican does, raise FileOverwriteFailedError for a second file of one name.

        A file that may override others (*override*) is the one that stays.
        """
        sanitised_join("/", job.name)  # raises RuntimeError for a path out of the tree
        if job.name in self._overridden and not override:
            return
        if job.name in self._overridden or (job.name in self.jobs and not override):
            raise FileOverwriteFailedError(f"two pages have the name {job.name}")
        if override:
            self._overridden.add(job.name)
        self.jobs[job.name] = job

    @property
    def templates(self) -> dict[str, str]:
        """The template of each page, by name of the output file."""
        return {name: job.template.name for name, job in self.jobs.items() if isinstance(job, PageJob)}

    def record(self, read: Read) -> None:
        """Note that the current job reads *read*."""
        if read[0] == "asset":
            self.assets.add(read[1])
        if self.recorder is not None:
            self.recorder.record(read)

    def run(self, job: Job) -> tuple[str, Recorder]:
        """Return the text of *job*, and what it read; raises what its template raises."""
        self.recorder = Recorder(lambda read: self.digest_of(job, read), {})
        try:
            self.record(("settings",))
            self.record(("job",))
            if isinstance(job, PageJob):
                self.record(("site", "image_hosts"))  # for what its page is inspected
            text = self._page(job) if isinstance(job, PageJob) else self._feed(job)
            return text, self.recorder
        finally:
            self.recorder = None

    def digest_of(self, job: Job, read: Read) -> bytes:
        """Return the digest of what *job* finds under *read* now; raises Opaque."""
        if read == ("job",):
            return digest_parts([type(job).__name__, *_signature(job)])
        if read[0] == "variable" and isinstance(job, PageJob):
            if read[1] in job.values:
                return self.views.digest(job.values[read[1]])
        elif read[0] == "posts":
            items = job.items if isinstance(job, FeedJob) else ()
            return self.views.digest([item.relative_source_path for item in items])
        return self.shared_digest(read)

    def shared_digest(self, read: Read) -> bytes:
        """Return the digest of what every job finds under *read* now; raises Opaque."""
        if (found := self._shared.get(read)) is None:
            found = self._shared[read] = self._shared_digest(read)
        return found

    def _shared_digest(self, read: Read) -> bytes:
        match read:
            case ("settings",):
                return self.settings_digest
            case ("item", path, *relation):
                return self.views.item_digest(path, *relation)
            case ("variable", name):
                return self.views.digest(self.context[name]) if name in self.context else MISSING
            case ("template", name):
                return self.template_digest(name)
            case ("site", name):
                return self.views.digest(getattr(self.build.config, name, None))
            case ("strings", lang):
                return self.views.digest(self.build.strings.for_language(lang))
            case ("asset", name):
                return digest_text(self.build.theme.find_url(name))
            case ("as-of",):
                return digest_text(str(self.build.as_of))
            case ("svg", name):
                return digest_text(self.build.theme.find_svg(name))
            case _:
                raise Opaque(f"unknown input {read}")

    def _page(self, job: PageJob) -> str:
        template = job.template.load()
        return str(template.render({**self.context, **job.values, _RECORDING: _Rendering(self, job)}))

    def _feed(self, job: FeedJob) -> str:
        for name in ("name", "url", "tagline", "author", "lang", "feed_authority"):
            self.record(("site", name))
        self.record(("posts",))
        for item in job.items:
            self.record(("item", item.relative_source_path))
        if not job.items:
            self.record(("as-of",))
        stream = StringIO()
        job.make().write(stream, "utf-8")
        return stream.getvalue()


def _signature(job: Job) -> list[str]:
    """Return the template of *job* and the names of its own variables."""
    return [job.template.name, *sorted(job.values)] if isinstance(job, PageJob) else []


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """Return the plan in Pelican's *settings*."""
    plan = settings[PLAN_SETTING]
    assert isinstance(plan, Plan)
    return plan


class _Rendering(Struct, frozen=True):
    """The job that a template is rendered for, and its plan."""

    plan: Plan
    job: PageJob

    def record_variable(self, name: str, value: Any) -> None:
        """Note that a template reads the variable *name*, unless it has made it itself."""
        given = self.job.values.get(name, self.plan.context.get(name, missing))
        if value is given:  # missing is missing, too
            self.plan.record(("variable", name))


class RecordingContext(Context):
    """Jinja's context that records each variable of the build that a template reads."""

    def resolve_or_missing(self, key: str) -> Any:
        """Return the variable *key*, or ``missing``."""
        if key in self.vars:
            return self.vars[key]
        value = self.parent.get(key, missing)
        if (rendering := self.parent.get(_RECORDING)) is not None:
            rendering.record_variable(key, value)
        return value


class RecordedSite:
    """site.toml as templates read it; each read is recorded."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._plan.record(("site", name))
        return getattr(self._plan.build.config, name)


class _RecordedTemplate(Template):
    """A template that runs for each page that imports it: what it reads is recorded each time."""

    def _get_default_module(self, ctx: Context | None = None) -> Any:
        own = ctx.globals_keys - self.globals.keys() if ctx is not None else ()
        return self.make_module({key: ctx.parent[key] for key in own} if ctx is not None else None)


def record_templates(generator: Generator, plan: Plan) -> None:
    """Make the templates of *generator* record which variables and templates they read.

    They are compiled when the first page needs them.
    """
    environment: Environment = generator.env
    load, get_template = environment._load_template, generator.get_template

    def load_recorded(name: str, globals: Any) -> Template:
        plan.record(("template", name))
        return load(name, globals)

    def get_lazy(name: str) -> LazyTemplate:
        for suffix in generator.settings["TEMPLATE_EXTENSIONS"]:
            if plan.template_digest(name + suffix) != MISSING:
                return LazyTemplate(name + suffix, environment)
        return get_template(name)  # type: ignore[no-any-return]  # raises that there is none

    if plan.at_once:
        return
    generator.get_template = get_lazy
    environment.context_class = RecordingContext
    environment.template_class = _RecordedTemplate
    environment._load_template = load_recorded  # type: ignore[method-assign]  # all lookups end there
