"""For any sequence of edits, an incremental build gives what a clean one gives: bytes, findings and result.

Hypothesis edits a site of about 20 pages in a repository, and each step is compared.
`make test-slow` runs 200 steps (192 edits, eight beginnings), always the same ones
(derandomized), in about four CPU minutes: too many for `make test`. `make soak` runs
thousands of random ones, and prints the steps of a failing example.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from tests.support.compared_builds import ComparedBuilds
from tests.support.edited_site import BLOCKS, BROKEN, HARMLESS, NAMES, Source, diagram, picture
from tests.support.project import AS_OF, COMMITTED, commit_all, git, write
from tests.support.site_edits import (
    ADDRESSES,
    DATES,
    LANGUAGES,
    OTHER_KEYS,
    SETTING_CHANGES,
    SETTINGS_OF_PELICAN,
    TEMPLATE_CHANGES,
    TEMPLATE_FAULTS,
    TEMPLATES,
    TERMS,
    THEME_CHANGES,
    TITLES,
    VISIBILITY,
    Key,
)

DAY = 86_400
NUMBER = st.integers(0, 30)
PROSE = ("Scene: a sentence of the text.", "A text without a title.", "pin: true")
DAMAGE = ("edit", "mode", "add", "remove", "replace", "directory", "tree")
EXAMPLES, STEPS = 8, 24
SOAK = os.environ.get("SOAK", "")  # number of steps


class Edits(ComparedBuilds):
    """The edits."""

    @initialize()
    def begin(self) -> None:
        self.site = self.good.copy()
        self.save()
        commit_all(self.project, self.time)
        self.check()
        assert self.failures == 0

    # Texts

    @rule(number=NUMBER, kind=st.integers(0, len(BLOCKS) - 1), other=NUMBER)
    def append_block(self, number: int, kind: int, other: int) -> None:
        source = self.site.sources[self.site.path_of(number)]
        source.blocks.append(self.site.block(kind, other))
        self.done()

    @rule(number=NUMBER, kind=st.sampled_from(HARMLESS), other=NUMBER)
    def replace_text(self, number: int, kind: int, other: int) -> None:
        source = self.site.sources[self.site.path_of(number)]
        source.blocks = [self.site.block(kind, other)]
        self.done()

    @rule(number=NUMBER, kind=st.integers(0, len(BROKEN) - 1))
    def break_text(self, number: int, kind: int) -> None:
        self.site.sources[self.site.path_of(number)].blocks.insert(0, BROKEN[kind].format(number))
        self.done()

    @rule(number=NUMBER, line=st.sampled_from(PROSE), extra=st.sampled_from(('["scene"]', "[]")))
    def write_prose(self, number: int, line: str, extra: str) -> None:
        """Write a page without front matter: [metadata] decides whether its first line is a key."""
        self.site.sources[self.site.path_of(number, "pages")].prose = f"{line}\n\n# A heading\n\nMore.\n"
        self.site.settings["metadata"]["extra"] = extra
        self.done()

    @rule(number=NUMBER, folder=st.sampled_from(("posts", "pages", "members")), day=st.integers(1, 28))
    def add(self, number: int, folder: str, day: int) -> None:
        name = NAMES[number % len(NAMES)]
        meta = {"title": f"New {name}", **({"date": f"2026-02-{day:02}"} if folder == "posts" else {})}
        self.site.sources[f"content/{folder}/{name}.md"] = Source(meta, [f"It is about {number}."])
        self.done()

    @rule(number=NUMBER)
    def delete(self, number: int) -> None:
        if len(self.site.sources) > 12:
            del self.site.sources[self.site.path_of(number)]
        self.done()

    @rule(number=NUMBER, name=st.sampled_from((*NAMES, "2026-03-04-dated", "alpha.de", "below/it")))
    def rename(self, number: int, name: str) -> None:
        old = self.site.path_of(number)
        new = f"{'/'.join(old.split('/')[:2])}/{name}.md"
        self.site.sources[new] = self.site.sources.pop(old)
        self.done()

    @rule(number=NUMBER, folder=st.sampled_from(("posts", "pages", "members")))
    def move(self, number: int, folder: str) -> None:
        old = self.site.path_of(number)
        source = self.site.sources.pop(old)
        source.meta.setdefault("date", "2026-01-20")
        source.meta.pop("series", None)
        self.site.sources[f"content/{folder}/{old.rpartition('/')[2]}"] = source
        self.done()

    @rule(number=NUMBER, other=NUMBER)
    def swap(self, number: int, other: int) -> None:
        """Exchange the texts of two files."""
        one, two = self.site.path_of(number, "posts"), self.site.path_of(other, "posts")
        sources = self.site.sources
        sources[one], sources[two] = sources[two], sources[one]
        self.done()

    # Front matter

    def set_key(self, number: int, change: Key) -> None:
        """Set a key of the front matter, or remove it with an empty value."""
        folder, key, value = change
        meta = self.site.sources[self.site.path_of(number, folder)].meta
        meta.pop(key, None)
        if value:
            meta[key] = value
        self.done()

    @rule(number=NUMBER, change=st.sampled_from(TITLES))
    def set_title(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(TERMS))
    def set_terms(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(DATES))
    def set_dates(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(VISIBILITY))
    def set_visibility(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(LANGUAGES))
    def set_language(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(ADDRESSES))
    def set_address(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    @rule(number=NUMBER, change=st.sampled_from(OTHER_KEYS))
    def set_other_key(self, number: int, change: Key) -> None:
        self.set_key(number, change)

    # Images, diagrams and other files

    @rule(number=NUMBER, shade=st.integers(0, 5))
    def paint(self, number: int, shade: int) -> None:
        self.site.files[f"content/images/{NAMES[number % 4]}.png"] = picture(shade * 50)
        self.done()

    @rule(number=NUMBER, folder=st.sampled_from(("content/images", "content/files", "content/diagrams")))
    def delete_file(self, number: int, folder: str) -> None:
        self.site.files.pop(self.site.file_of(number, folder), None)
        self.done()

    @rule(number=NUMBER)
    def damage_image(self, number: int) -> None:
        if path := self.site.file_of(number, "content/images"):
            self.site.files[path] = b"\x89PNG\r\n\x1a\nnot a picture"
        self.done()

    @rule(name=st.sampled_from(("The parts", "Other parts")), stale=st.booleans())
    def draw(self, name: str, stale: bool) -> None:
        source, svg = diagram(name)
        self.site.files["content/diagrams/parts.puml"] = source
        if not stale:
            self.site.files["content/diagrams/parts.svg"] = svg
        self.done()

    @rule(
        number=NUMBER,
        text=st.sampled_from(("1", "2")),
        name=st.sampled_from(("x.txt", "robots.txt", "old/3.html")),
    )
    def add_file(self, number: int, text: str, name: str) -> None:
        self.site.files[f"content/files/{NAMES[number % 3]}.csv"] = text.encode()
        self.site.files[f"content/extra/{name}"] = f"{text} {number}\n".encode()
        self.done()

    # Theme

    @rule(name=st.sampled_from(TEMPLATES), change=st.sampled_from(TEMPLATE_CHANGES))
    def edit_template(self, name: str, change: tuple[str, str]) -> None:
        path = f"theme/templates/{name}.html"
        if change[0] in self.site.files.get(path, b"").decode():
            self.site.edit_text(path, *change)
        self.done()

    @rule(name=st.sampled_from(TEMPLATES), text=st.sampled_from(TEMPLATE_FAULTS))
    def break_template(self, name: str, text: str) -> None:
        self.site.edit_text(f"theme/templates/{name}.html", "<main", f"{text}<main")
        self.done()

    @rule(new=st.sampled_from(("{{ 1 }}", "<p>Included</p>", "")))
    def include(self, new: str) -> None:
        """Add, change and remove a template that another one includes if it is there."""
        text = '{% include "added.html" ignore missing %}\n<main'
        if b"added.html" not in self.site.files["theme/templates/base.html"]:
            self.site.edit_text("theme/templates/base.html", "<main", text)
        self.site.files.pop("theme/templates/added.html", None)
        if new:
            self.site.files["theme/templates/added.html"] = new.encode()
        self.done()

    @rule(change=st.sampled_from(THEME_CHANGES))
    def edit_theme(self, change: tuple[str, str, str]) -> None:
        path, *texts = change
        self.site.edit_text(path, *texts)
        self.done()

    # Settings

    @rule(change=st.sampled_from(SETTING_CHANGES))
    def set_setting(self, change: tuple[str, str, str]) -> None:
        table, key, value = change
        self.site.settings[table][key] = value
        self.done()

    @rule(
        check=st.sampled_from(("code-language", "broken-link", "heading-order", "inline-style", "unused-file",
                               "broken-image", "diagram", "alias-link", "unparsed-markup", "unknown-key")),
        severity=st.sampled_from(("error", "warning", "off")),
        below=st.booleans(),
    )  # fmt: skip
    def set_severity(self, check: str, severity: str, below: bool) -> None:
        table = 'checks."content/posts/**"' if below else "checks"
        self.site.settings.setdefault(table, {})[check] = f'"{severity}"'
        self.done()

    @rule(line=st.sampled_from(SETTINGS_OF_PELICAN))
    def add_setting_of_pelican(self, line: str) -> None:
        self.site.files["pelicanconf.py"] += f"{line}\n".encode()
        self.done()

    # Time, Git, and what is in out/

    @rule(days=st.sampled_from((-300, -1, 1, 4, 40)))
    def pass_time(self, days: int) -> None:
        self.options = replace(self.options, as_of=AS_OF + days * DAY)
        self.done()

    @rule(drafts=st.booleans(), strict=st.sampled_from((False, False, True)))
    def set_options(self, drafts: bool, strict: bool) -> None:
        self.options = replace(self.options, drafts=drafts, strict=strict)
        self.done()

    @rule(days=st.integers(-5, 40))
    def commit(self, days: int) -> None:
        self.time = COMMITTED + days * DAY
        git(self.project, "add", "-A", time=self.time)
        git(self.project, "commit", "-q", "--allow-empty", "-m", "A change", time=self.time)
        self.done()

    @rule(days=st.integers(-5, 40))
    def amend(self, days: int) -> None:
        git(self.project, "add", "-A", time=self.time)
        git(
            self.project,
            "commit",
            "-q",
            "--amend",
            "--allow-empty",
            "-m",
            "Another",
            time=COMMITTED + days * DAY,
        )
        self.done()

    @rule(number=NUMBER)
    def untrack(self, number: int) -> None:
        git(self.project, "rm", "-q", "--cached", "--ignore-unmatch", self.site.path_of(number))
        self.done()

    @rule()
    def forget_history(self) -> None:
        shutil.rmtree(self.project / ".git")
        self.done()
        commit_all(self.project, self.time)

    @rule(number=NUMBER)
    def touch(self, number: int) -> None:
        os.utime(self.project / self.site.path_of(number), (number, number))
        self.done()

    @rule(number=NUMBER, tree=st.sampled_from(("site", ".site.spare")), how=st.sampled_from(DAMAGE))
    def damage_tree(self, number: int, tree: str, how: str) -> None:
        """Change the last site, or the one before, which the next build may begin with."""
        root = self.project / "out" / tree
        files = sorted(file for file in root.rglob("*") if file.is_file() and file.name != "site.json")
        file = files[number * 7 % len(files)] if files else root
        if how == "edit" and files:
            file.write_bytes(file.read_bytes()[::-1])
        elif how == "mode" and files:
            file.chmod(0o600)
        elif how == "add" and files:
            write(file.parent / "added.html", "added")
        elif how == "remove" and files:
            file.unlink()
        elif how == "replace" and files:
            file.unlink()
            write(file / "inside", "a directory where a file was")
        elif how == "directory" and files:
            shutil.rmtree(file.parent)
        elif how == "tree":
            shutil.rmtree(root, ignore_errors=True)
        self.done()

    @rule()
    def lose_cache(self) -> None:
        shutil.rmtree(self.project / "out/cache")
        self.done()

    @precondition(lambda self: self.failures > 0)
    @rule()
    def revert(self) -> None:
        self.site = self.good.copy()
        self.done()


@pytest.mark.slow
def test_a_build_with_a_cache_gives_what_one_without_gives() -> None:
    """The same edits on every machine; `make soak` draws others each time."""
    wanted = int(SOAK or EXAMPLES * STEPS)
    chosen = settings(
        max_examples=max(1, wanted // STEPS),
        stateful_step_count=STEPS,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),  # a step takes a second
    )
    Edits.compared = 0
    run_state_machine_as_test(Edits, settings=chosen)
    assert wanted - STEPS < Edits.compared
