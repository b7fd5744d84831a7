"""The options of one build, and its state: times of its phases, findings in the sources.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from pipelines.core.checks import CHECKS
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import Progress

if TYPE_CHECKING:  # it loads Pelican, which a build that ends at once does not need
    from pipelines.site.content.documents import Content

T = TypeVar("T")


class BuildOptions(Struct, frozen=True):
    """Options of one build."""

    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool = False  # include drafts and posts that are not due
    preview: bool = False  # label them, and write no compressed files
    workers: int = 1  # processes
    strict: bool = False  # treat warnings as errors


class BuildRun(Struct):
    """The state of one build."""

    config: SiteConfig
    options: BuildOptions
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)  # by phase
    findings: list[Fault] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[None]:
        self.progress.phase(name, total)
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + perf_counter() - start, 3)

    def collect_findings(self, step: Callable[[], T]) -> T | None:
        """Return the result of *step*; record its findings and return None if it raises SourceError."""
        try:
            return step()
        except SourceError as error:
            self.findings.extend(error.faults)
            return None

    def final_findings(self, content: Content) -> tuple[Fault, ...]:
        """Return the findings with their severities: those in drafts are warnings.

        Where drafts are shown, what could harm a reader stays an error.
        """

        def is_lowered(one: Fault) -> bool:
            return one.path in content.lenient and (one.path in content.hidden or not CHECKS[one.check].fixed)

        lowered = (replace(one, severity="warning") if is_lowered(one) else one for one in self.findings)
        found = self.config.checks.apply(lowered)
        strict = self.options.strict
        return tuple(replace(one, severity="error") for one in found) if strict else tuple(found)

    def with_findings(self, error: PipelineError, content: Content) -> PipelineError:
        """Return the error to raise for *error* of a template or of Pelican: with all findings so far."""
        self.findings.extend(error.faults if isinstance(error, SourceError) else ())
        found = self.final_findings(content)
        return SourceError(found) if has_error(found) else error


def has_error(findings: Sequence[Fault]) -> bool:
    """Return whether one of *findings* refuses the build."""
    return any(one.severity == "error" for one in findings)
