"""``make bench``: CPU time of converting a document in each dialect, in turns, in one process.

Reads a file of JSON lines if one is given. Writes its section of
benchmarks/RESULTS.md. No network.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import process_time

from benchmarks import corpus, report
from benchmarks.corpora import repositories
from benchmarks.measure import format_met, interleave, ratio
from pipelines.site.markdown.converter import convert_markdown

DIALECTS = ("commonmark", "python-markdown")
BAR = 0.5  # CPU of commonmark to that of python-markdown


def _given(file: Path) -> tuple[str, list[str]]:
    found = repositories.read_lines(file)
    return f"{found.name}: {found.origin}", [data.decode() for data in found.files.values()]


def _cpu(bodies: Sequence[str], dialect: str) -> float:
    """Return the milliseconds of CPU that a document takes on average."""
    start = process_time()
    for body in bodies:
        convert_markdown(body, "", "a.md", 1, dialect=dialect)
    return (process_time() - start) * 1000 / len(bodies)


def measure(name: str, bodies: Sequence[str], rounds: int) -> str:
    """Return the row of one corpus."""
    runs = interleave({dialect: partial(_cpu, bodies, dialect) for dialect in DIALECTS}, rounds)
    least, middle, most = ratio(runs[DIALECTS[0]], runs[DIALECTS[1]], float)
    size = statistics.mean(len(body.encode()) for body in bodies) / 1000
    times = " | ".join(f"{statistics.median(runs[dialect]):.2f}" for dialect in DIALECTS)
    met = format_met(middle <= BAR)
    return f"| {name} | {size:.1f} | {times} | {middle:.2f} ({least:.2f} to {most:.2f}) | {BAR} | {met} |"


def main() -> None:
    """Measure, and write the section of the conversion."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convert")
    parser.add_argument("--lines", type=Path, nargs="*", default=[], help="files of JSON lines, as .jsonl.gz")
    parser.add_argument("--pages", type=int, default=100, help="of the generated corpus")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = [
        (f"generated: {options.pages} documents", [post.body for post in corpus.generate(options.pages)])
    ]
    texts += map(_given, options.lines)
    rows = []
    for name, bodies in texts:
        print(name, file=sys.stderr)
        rows.append(measure(name, bodies, options.rounds))
    head = f"""\
CPU of a document, in one process, the dialects in turns, {options.rounds} rounds after a warm-up round;
medians. With the highlighting of code; without what both share afterwards (links, images, checks).

| corpus | kB a document | {" ms | ".join(DIALECTS)} ms | ratio: median (least to greatest) | bar | met |
|---|---:|---:|---:|---:|---:|---|
"""
    text = head + "\n".join(rows) + "\n"
    report.write_section("What converting a document costs", "benchmarks.convert", text)
    print(text)


if __name__ == "__main__":
    main()
