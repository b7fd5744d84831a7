"""``make bench``: the build against Hugo, stock Pelican and Eleventy, with the same posts, in turns.

Works in a temporary directory. Writes its section of benchmarks/RESULTS.md, and docs/build-times.svg.
Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Collection, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks import programs, report
from benchmarks.build import corpora, graph
from benchmarks.build.bars import (
    BySize,
    Figures,
    bars_table,
    graph_series,
    saves_table,
    times_table,
)  # fmt: skip
from benchmarks.build.corpora import Corpus
from benchmarks.build.generators import INSTALLED
from benchmarks.build.preview import measure_saves
from benchmarks.build.scenarios import SMALL_PAGES, measure_memory, time_builds, write_projects
from benchmarks.project import PYTHON, ROOT

GRAPH = ROOT / "docs" / "build-times.svg"
BUILDS = ("cold", "unchanged", "text", "template")
PARTS = (*BUILDS, "memory", "preview")
TEXT = """\
{corpus}. {sizes}.
Whole processes, in turns, {rounds} rounds after a warm-up round (none above {small:,} pages); medians, and
ratios within a round. The load average before was {load:.1f}; other work is in the figures from 0.5 on.

All write the same kinds of pages, with a menu and a footer: posts with date, tags and links to the next
posts, a front page, a list of all posts, ten a page, a page and a feed of each tag, categories, an archive, a
feed. *This build* uses its own theme, which has more on a page, reads dates from a Git history of one commit
a post, and checks every link, heading, image and tag. It alone compresses (gzip and brotli). It and {hugo}
(`--minify`) minify, hash the style sheet and write tables of contents; {pelican}
(`guess_lang: False`) and {eleventy} do not. Their themes are in benchmarks/peers. No peer keeps a
cache between two processes: a later build takes it as long as a first one. *Memory* is the largest sum over
all processes (PSS), in a first build of its own.

## Bars

{bars}

## First and later builds

{times}
"""
SAVES = """
## Preview

From the write of a post until the page has the new word, {rounds} saves in turns. *Event* is the message by
which the open page reloads itself.

{saves}
"""


def measure(corpus: Corpus, sizes: Sequence[int], rounds: int, only: Collection[str]) -> BySize:
    """Return the figures of all sizes."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:  # deleted at the end: see Generator.clear
        for pages in sizes:
            print(f"{pages} pages", file=sys.stderr)
            projects = write_projects(Path(folder, str(pages)), corpus.posts(pages))
            found[pages] = Figures(
                builds={} if set(only).isdisjoint(BUILDS) else time_builds(projects, rounds, only),
                memory=measure_memory(projects) if "memory" in only else {},
                saves=measure_saves(projects, rounds) if "preview" in only and pages <= SMALL_PAGES else {},
            )
    return found


def write_report(corpus: Corpus, found: BySize, rounds: int, load: float) -> str:
    """Return the section of the build."""
    sizes = ", ".join(f"{pages:,} posts: {corpora.describe(corpus.posts(pages))}" for pages in found)
    text = TEXT.format(
        corpus=corpus.description, sizes=sizes, rounds=rounds, small=SMALL_PAGES, load=load,
        hugo=programs.version("hugo"), pelican=f"stock Pelican {metadata.version('pelican')}",
        eleventy=f"Eleventy {_eleventy_version()}", bars=bars_table(found),
        times="\n\n".join(times_table(pages, one) for pages, one in found.items() if one.builds),
    )  # fmt: skip
    saves = [saves_table(pages, one.saves) for pages, one in found.items() if one.saves]
    return text + (SAVES.format(rounds=rounds, saves="\n\n".join(saves)) if saves else "")


def _eleventy_version() -> str:
    package = json.loads((INSTALLED / "node_modules/@11ty/eleventy/package.json").read_text("utf-8"))
    return str(package["version"])


def _draw(found: BySize) -> str:
    series = graph_series(found)
    return graph.draw("Time of a build by the number of pages", graph.describe(series), series)


def main() -> None:
    """Measure, and write the section of the build and the graph."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build")
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 1000, 10000], help="posts of a site")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure these, and write no report")
    parser.add_argument(
        "--lines", type=Path, help="a file of JSON lines, as .jsonl.gz, instead of generated posts"
    )
    options = parser.parse_args()
    programs.require("hugo", "git")
    if not (INSTALLED / "node_modules").is_dir():
        raise SystemExit("error: Eleventy: not installed; run `make out/eleventy/.done`")
    load = os.getloadavg()[0]
    # Run the finally blocks of a cancelled job, which end its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["PATH"] = os.pathsep.join((str(Path(PYTHON).parent), os.environ.get("PATH", os.defpath)))
    corpus = corpora.read(options.lines) if options.lines else corpora.generated()
    found = measure(corpus, sorted(options.pages), options.rounds, options.only or PARTS)
    text = write_report(corpus, found, options.rounds, load)
    if not options.only:
        suffix = f": {corpus.name}" if options.lines else ""
        report.write_section(f"What the build costs{suffix}", "benchmarks.build", text)
        if not options.lines:
            GRAPH.write_text(_draw(found), "utf-8")
    print(text)


if __name__ == "__main__":
    main()
