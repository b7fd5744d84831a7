"""A build imports only what it uses: an import at the top of a module delays every build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import AS_OF, COMMITTED, ROOT, commit_all, small_site, tiny_site, write

MODULES = """
import sys
from pipelines.cli import main
status = main(sys.argv[1:])
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
sys.exit(status)
"""
POST = "---\ntitle: A post\ndate: 2026-01-02\ndialect: commonmark\n---\nText.\n"
PAGE = "---\ntitle: A page\ndialect: commonmark\n---\nText.\n"
# What renders pages, and what takes long: a build that ends at once needs none of it.
RENDERERS = {
    *("brotli", "deflate", "docutils", "feedgenerator", "git", "jinja2", "latex2mathml", "lesscpy", "lxml"),
    *("markdown", "markdown_it", "minify_html", "pelican", "PIL", "pygments", "pymdownx", "rcssmin", "rich"),
    *("rjsmin", "selectolax", "tinycss2", "watchfiles"),
    *("concurrent", "multiprocessing", "urllib.request"),
    *("pipelines.site.full_build", "pipelines.site.html", "pipelines.site.markdown", "pipelines.site.theme"),
}
OF_OTHER_COMMANDS = {
    *("allauth", "boto3", "cryptography", "django", "httpx", "kubernetes_validate", "starlette", "uvicorn"),
    *("pipelines.archive", "pipelines.charts", "pipelines.image", "pipelines.preview", "pipelines.publish"),
}
# What one changed text without formulas does not use. Pelican loads python-markdown.
OF_OTHER_PAGES = {
    *("docutils", "git", "latex2mathml", "lesscpy", "PIL", "pymdownx", "tinycss2"),
    *("concurrent.futures.process", "multiprocessing.popen_fork", "rich.progress", "rich.table"),
    *(
        "pipelines.site.less.compile",
        "pipelines.site.markdown.math",
        "pipelines.site.markdown.python_markdown",
    ),
}


def modules_of_a_build(site: Path) -> tuple[str, set[str]]:
    """Build *site* in a process of its own; return its summary and the modules that it has imported."""
    return _run(site, "--as-of", str(AS_OF), "--workers", "2")


def _run(site: Path, *words: str) -> tuple[str, set[str]]:
    env = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}  # it changes
    done = subprocess.run(
        [sys.executable, "-c", MODULES, "--project", str(site), "build", *words],
        cwd=ROOT, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout, set(done.stderr.split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site that was built."""
    files = {"content/posts/one.md": POST, "content/posts/two.md": POST.replace("A", "Another")}
    found = tiny_site(tmp_path_factory.mktemp("imports"), {**files, "content/pages/about.md": PAGE})
    commit_all(found, COMMITTED)
    modules_of_a_build(found)
    return found


@pytest.mark.slow
def test_a_build_without_changes_imports_nothing_that_renders(site: Path) -> None:
    """It compares what is there, and ends; as the time is given, it does not read the trailers of HEAD."""
    summary, modules = modules_of_a_build(site)
    assert "again   nothing" in summary
    assert modules & (RENDERERS | OF_OTHER_COMMANDS) == set()


def test_a_build_after_one_edit_imports_what_that_text_uses(site: Path) -> None:
    """Neither formulas, LESS, images nor another dialect or markup; and no processes for one page."""
    write(site / "content/posts/one.md", POST + "\nMore text.\n")
    summary, modules = modules_of_a_build(site)
    assert "again   1 of 3 texts" in summary
    assert "pipelines.site.full_build" in modules
    assert modules & (OF_OTHER_PAGES | OF_OTHER_COMMANDS) == set()


def test_a_build_without_as_of_imports_no_git_library(site: Path) -> None:
    """The commit time of HEAD decides which posts are due; `git` itself is asked for it."""
    _, modules = _run(site)
    assert {"git", "semver"} & modules == set()


@pytest.mark.slow
def test_what_a_page_uses_is_imported_for_it(tmp_path: Path) -> None:
    """The names above are those of modules that exist: they appear as soon as something needs them."""
    site = small_site(tmp_path)
    write(site / "content/pages/formula.md", "---\ntitle: A formula\n---\n$$x^2$$\n")
    _, modules = modules_of_a_build(site)
    unused = {"docutils", "git", "lxml", "rich.progress", "rich.table"}
    assert (RENDERERS | OF_OTHER_PAGES) - modules <= unused
