"""``make bench``: the build against stock Pelican, on one generated corpus, interleaved.

Works in a temporary folder. Writes its section of benchmarks/RESULTS.md. No network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import corpus, report
from benchmarks.measure import Command, Run, median, ratio, run_interleaved

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

# The configuration of `pelican-quickstart`, with Pelican's smallest theme and as many feeds as ours.
STOCK = """\
AUTHOR, SITENAME, SITEURL, TIMEZONE = "A", "Stock", "https://stock.example", "UTC"
PATH, THEME, DEFAULT_LANG = "content", "simple", "en"
FEED_ALL_ATOM, CATEGORY_FEED_ATOM = "feeds/all.atom.xml", "feeds/{slug}.atom.xml"
TAG_FEED_ATOM, FEED_MAX_ITEMS = "feeds/tag.{slug}.atom.xml", 20
DEFAULT_PAGINATION, PLUGINS = 10, []
"""
NO_GUESSING = "stock, no guessing of languages"
STOCK_NO_GUESSING = (
    STOCK
    + """\
MARKDOWN = {
    "extension_configs": {
        "markdown.extensions.codehilite": {"css_class": "highlight", "guess_lang": False},
        "markdown.extensions.extra": {},
        "markdown.extensions.meta": {},
    },
    "output_format": "html5",
}
"""
)


def write_project(folder: Path, pages: int) -> list[str]:
    """Write a project with *pages* posts into *folder*; return the command that builds it."""
    shutil.copytree(ROOT / "theme", folder / "theme")
    for name in ("pelicanconf.py", "tests/data/site/site.toml"):
        shutil.copy(ROOT / name, folder)
    corpus.write_posts(folder / "content" / "posts", pages)
    (folder / "content" / "pages").mkdir()
    (folder / "content" / "pages" / "about.md").write_text("Title: About\n\nText.\n")
    return [PYTHON, "-m", "pipelines", "--project", str(folder), "build", "--as-of", "2027-01-01"]


def _own_build(folder: Path, pages: int) -> Command:
    argv = write_project(folder, pages)
    return Command("this build", argv, folder, partial(shutil.rmtree, folder / "out", ignore_errors=True))


def _stock_pelican(folder: Path, pages: int, name: str, settings: str) -> Command:
    corpus.write_posts(folder / "content", pages)
    (folder / "conf.py").write_text(settings)
    argv = [PYTHON, "-m", "pelican", "content", "-s", "conf.py", "-o", "output", "-q"]
    return Command(name, argv, folder, partial(shutil.rmtree, folder / "output", ignore_errors=True))


def measure(pages: int, rounds: int) -> str:
    """Return the table of one corpus size as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("ours", "stock", "no-guessing"):
            (folder / part).mkdir()
        commands = [
            _own_build(folder / "ours", pages),
            _stock_pelican(folder / "stock", pages, "stock Pelican", STOCK),
            _stock_pelican(
                folder / "no-guessing", pages, "stock, no guessing of languages", STOCK_NO_GUESSING
            ),
        ]
        runs = run_interleaved(commands, rounds)
    lines = [
        f"## {pages} pages, {rounds} interleaved rounds",
        "",
        "| | wall s | CPU s | largest process MB | wall, this build to it: median (least to greatest) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in runs.items():
        least, middle, most = ratio(runs["this build"], found, _wall)
        ratio_text = "" if name == "this build" else f"{middle:.2f} ({least:.2f} to {most:.2f})"
        figures = [median(found, what) for what in (_wall, _cpu, _memory)]
        lines.append(f"| {name} | {figures[0]:.2f} | {figures[1]:.2f} | {figures[2]:.0f} | {ratio_text} |")
    return "\n".join(lines) + "\n"


def _wall(run: Run) -> float:
    return run.wall


def _cpu(run: Run) -> float:
    return run.cpu


def _memory(run: Run) -> float:
    return run.memory


def main() -> None:
    """Measure, and write the section of the build."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build")
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    tables = []
    for pages in options.pages:
        print(f"{pages} pages", file=sys.stderr)
        tables.append(measure(pages, options.rounds))
    head = """\
One generated corpus (benchmarks/corpus.py: 8.8 kB a post, six code blocks, half of them without a
language), whole processes, interleaved, after a warm-up round; medians. *This build* converts, checks
every link, heading and image, minifies, hashes and compresses every file (gzip and brotli) and writes a feed
for each tag, with its own theme; *stock Pelican* renders its smallest theme with as many feeds and does none
of the rest. The third row is stock Pelican with `guess_lang` off.

"""
    report.write_section("What the build costs", "benchmarks.build", head + "\n".join(tables))
    print("\n".join(tables))


if __name__ == "__main__":
    main()
