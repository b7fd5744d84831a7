"""Time the builds of one corpus: first builds of all generators, and later builds of this one.

Writes projects into the given directory and builds them. No network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.build.generators import GENERATORS, OURS, Generator
from benchmarks.corpus import Post
from benchmarks.measure import Command, Run, peak_memory, run_interleaved

NOTHING, TEXT, TEMPLATE = "nothing changed", "text of one post changed", "template changed"
# With more pages, a round takes minutes: no warm-up round, no changed template, no preview.
SMALL_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Project:
    """A project of one generator."""

    generator: Generator
    folder: Path
    argv: Sequence[str]
    posts: Sequence[Post]

    @property
    def post(self) -> Path:
        """Return the file of the post that is edited, in the middle of the dates."""
        name = self.posts[len(self.posts) // 2].name
        return self.folder / self.generator.posts / f"{name}.md"

    def command(self) -> Command:
        """Return the first build."""
        clear = partial(self.generator.clear, self.folder)
        return Command(self.generator.name, self.argv, self.folder, clear)


class Edit:
    """An edit of a file that is another one each time: *before* it gets a new line."""

    def __init__(self, file: Path, line: str, before: str = "") -> None:
        self._file, self._line, self._before = file, line, before
        self._text = file.read_text("utf-8")
        self._number = count(1)
        if before not in self._text:
            raise RuntimeError(f"{file.name}: {before!r} is missing; name another line to edit")

    def __call__(self) -> None:
        """Write the file with the next line."""
        line = self._line.format(next(self._number))
        head, at, tail = self._text.rpartition(self._before) if self._before else (self._text, "", "")
        self._file.write_text(f"{head}{line}\n{at}{tail}", "utf-8")


def write_projects(folder: Path, posts: Sequence[Post]) -> list[Project]:
    """Write a project of each generator below *folder*."""
    found = []
    for generator in GENERATORS:
        project = folder / generator.name.replace(" ", "-")
        project.mkdir(parents=True)
        found.append(Project(generator, project, generator.write(project, posts), posts))
    return found


def later_builds(project: Project, only: Collection[str]) -> Iterable[Command]:
    """Yield the builds of *project*, of this build, in a new process after a first one."""
    folder, argv = project.folder, project.argv
    if "unchanged" in only:
        yield Command(NOTHING, argv, folder, lambda: None)
    if "text" in only:
        yield Command(TEXT, argv, folder, Edit(project.post, "\nThis is edit {}."))
    if "template" in only and len(project.posts) <= SMALL_PAGES:
        template = folder / "theme/templates/article.html"
        edit = Edit(template, "<p>This is edit {}.</p>", before='<footer class="column after">')
        yield Command(TEMPLATE, argv, folder, edit)


def time_builds(projects: Sequence[Project], rounds: int, only: Collection[str]) -> dict[str, list[Run]]:
    """Return the runs of each command, by name; the later builds follow the first one of each round."""
    commands = []
    for project in projects:
        commands.append(project.command())
        if project.generator.name == OURS:
            commands += later_builds(project, only)
    return run_interleaved(commands, rounds, warm_up=len(projects[0].posts) <= SMALL_PAGES)


def measure_memory(projects: Iterable[Project]) -> dict[str, float]:
    """Return the peak memory of a first build in MB, by generator."""
    return {one.generator.name: peak_memory(one.command()) for one in projects}
