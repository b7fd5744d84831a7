"""Build an edited site in all ways, and compare each with a build without a cache.

A state machine of Hypothesis whose subclasses add the edits.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
from hypothesis.stateful import RuleBasedStateMachine

from pipelines.core import config
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import PARTS
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_cache import program_version
from pipelines.site.cache import Cache
from pipelines.site.store import FileStore
from tests.support.edited_site import new_site, write_changes
from tests.support.project import AS_OF, COMMITTED, run_cli

VERSION = program_version()
MEMORY_EVERY, PREVIEW_EVERY, PROCESS_EVERY = 2, 8, 13  # steps

Files = dict[str, tuple[int, int, bytes]]  # mode, mtime, bytes by path


class Outcome(NamedTuple):
    """What a build returns or raises."""

    result: dict[str, Any]  # without times; empty if it failed
    findings: tuple[Fault, ...]
    error: str = ""  # that is no finding


class Expected(NamedTuple):
    """What a clean build gives."""

    outcome: Outcome
    files: Files


def snapshot(tree: Path) -> Files:
    """Return every file and directory of the site in *tree*."""
    found: Files = {}
    todo = [os.path.join(tree, part) for part in PARTS]
    while todo:
        path = todo.pop()
        if not os.path.lexists(path):
            continue
        facts, data = os.lstat(path), b""
        if stat.S_ISDIR(facts.st_mode):
            todo += [os.path.join(path, name) for name in os.listdir(path)]
        else:
            with open(path, "rb") as file:
                data = file.read()
        found[os.path.relpath(path, tree)] = (facts.st_mode, facts.st_mtime_ns, data)
    return found


def differences(left: Files, right: Files) -> list[str]:
    """Return the paths under which two trees differ."""
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def without_times(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without the seconds of phases and plugins, as JSON has it."""
    kept = {key: value for key, value in result.items() if key not in ("phases", "plugins")}
    return dict(json.loads(json.dumps(kept)))


def outcome_of(run: Callable[[], SiteResult]) -> Outcome:
    """Return what a build returns or raises."""
    try:
        result = run()
        return Outcome(without_times(msgspec.to_builtins(result)), result.findings)
    except SourceError as error:
        return Outcome({}, tuple(error.faults))
    except PipelineError as error:
        return Outcome({}, (), str(error))


class ComparedBuilds(RuleBasedStateMachine):
    """An edited site; ``done`` ends an edit with builds that are compared."""

    compared: ClassVar[int] = 0  # steps of all examples

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="edits-"))
        self.project = self.folder / "project"
        self.project.mkdir()
        self.site = self.good = new_site()
        self.written: dict[str, bytes] = {}
        self.caches: dict[Path, Cache] = {}  # in memory, by tree
        self.options = BuildOptions(as_of=AS_OF)
        self.time = COMMITTED
        self.failures = self.steps = 0

    def teardown(self) -> None:
        """Remove the site."""
        shutil.rmtree(self.folder)

    def save(self) -> None:
        """Write the edited files."""
        files = self.site.all_files()
        write_changes(self.project, self.written, files)
        self.written = files

    def done(self) -> None:
        """End an edit: write it, compare, and take it back if the site stays broken."""
        self.save()
        self.check()
        if self.failures >= 2:
            self.site = self.good.copy()
            self.save()
            self.check()

    def check(self) -> None:
        """Build in all ways, and compare."""
        self.steps += 1
        type(self).compared += 1
        site, memory = self.project / "out/site", self.folder / "memory/site"
        expected = self.build_clean(self.options)
        if self.steps % PROCESS_EVERY:
            self.compare("the file", site, expected, self.build_with_file)
        else:
            self.compare("a new process", site, expected, self.build_in_new_process)
        self.compare("the file, again", site, expected, self.build_with_file)
        if self.steps % MEMORY_EVERY == 0:
            self.compare("the memory", memory, expected, lambda: self.build_in_memory(memory, self.options))
        if self.steps % PREVIEW_EVERY == 0:
            self.check_preview()
        if expected.outcome.result:
            self.failures, self.good = 0, self.site.copy()
        else:
            self.failures += 1

    def check_preview(self) -> None:
        """Build as the preview does: with drafts, in memory, without compression."""
        options = BuildOptions(as_of=self.options.as_of, drafts=True, preview=True)
        tree, expected = self.folder / "preview/site", self.build_clean(options)
        for what in ("the preview", "the preview, again"):
            self.compare(what, tree, expected, lambda: self.build_in_memory(tree, options))

    def compare(self, what: str, tree: Path, expected: Expected, run: Callable[[], Outcome]) -> None:
        """Compare the build *run*, which writes *tree*, with the clean one; one that fails keeps the tree."""
        files = expected.files if expected.outcome.result else snapshot(tree)
        found = run()
        assert found.findings == expected.outcome.findings, f"{what}: other findings"
        assert found == expected.outcome, f"{what}: another result"
        assert differences(snapshot(tree), files) == [], f"{what}: other files"
        if found.result:
            record = without_times(json.loads((tree / "site.json").read_text()))
            assert record == found.result, f"{what}: another site.json"

    def build_to(self, tree: Path, options: BuildOptions, cache: Cache | None) -> Outcome:
        """Build in this process; the settings are read again."""
        return outcome_of(lambda: build(self.project, tree, config.load_config(self.project), options, cache))

    def build_clean(self, options: BuildOptions) -> Expected:
        """Build without a cache, where no site is."""
        tree = self.folder / "clean/site"
        shutil.rmtree(tree.parent, ignore_errors=True)
        outcome = self.build_to(tree, options, None)
        return Expected(outcome, snapshot(tree))

    def build_with_file(self) -> Outcome:
        """Build with the file of out/cache, opened for this build."""
        lines: list[str] = []
        with closing(FileStore(self.project / "out/cache", VERSION, lines.append)) as store:
            found = self.build_to(self.project / "out/site", self.options, Cache(store))
        assert lines == []
        return found

    def build_in_memory(self, tree: Path, options: BuildOptions) -> Outcome:
        """Build with the results that the builds of *tree* have left in memory, as the preview does."""
        cache = self.caches.setdefault(tree, Cache())
        found = self.build_to(tree, options, cache)
        if found.result:
            cache.drop_unused()
        return found

    def build_in_new_process(self) -> Outcome:
        """Build as the command does, with two processes."""
        flags = {"--drafts": self.options.drafts, "--strict": self.options.strict}
        chosen = [flag for flag, is_set in flags.items() if is_set]
        as_of = str(self.options.as_of)
        done = run_cli(self.project, "build", "--as-of", as_of, "--workers", "2", "--json", *chosen)
        if not done.stdout:
            return Outcome({}, (), done.stderr.removeprefix("error: ").rstrip("\n"))
        found = json.loads(done.stdout)
        findings = tuple(Fault(**one) for one in found["findings"])
        return Outcome(without_times(found) if done.returncode == 0 else {}, findings, "")
