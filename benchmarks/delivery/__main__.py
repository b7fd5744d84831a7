"""``make bench``: from a commit to a published chart, what that takes and what it sends.

Reads the repository. Works in a temporary folder. Writes its section of benchmarks/RESULTS.md. Starts a
registry, object storage, Git, helm, skopeo. Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import report
from benchmarks.delivery.moved import PLACES
from benchmarks.delivery.site import LAG, Delivery, Site, published
from benchmarks.measure import alternate, median, met, ratio

BAR = 10.0  # seconds from a commit to the index, for one word
WORD, STYLE, NOTHING, COLD = "one word of a post", "the stylesheet", "no change", "one word, out/ empty"
# What one word may move: the pages and what names them.
ALLOWED = {
    "registry": {"web pages", "web configuration file", "web tag", "api tag"},
    "assets": set[str](),
    "archive": {
        "web pages",
        "web configuration file",
        "web manifest",
        "bill of materials",
        "record",
        "chart",
    },
    "charts": {"chart"},
}
TEXT = """\
This repository's own site, cloned with its history, published by `python -m pipelines run` as a whole
process: build, both images, chart, registry (docker-registry, TLS), both buckets (moto), chart repository
(the stand-in for Nexus, whose index is made anew {lag:.0f} s after a change, as Nexus does by default),
candidate, then stable. Each server stands on the loopback behind a proxy that counts. In turns, {rounds}
after one that is not counted; medians. The servers run on the same {cores} cores. Load average before:
{load:.1f}; other work is in the figures from 0.5 on.

*To index* ends when the index has named the stable chart and the chart behind it was read; it begins
before `git commit`. *CPU* is the process's and its children's, without the servers; *waiting* is the
rest: index, servers, other work. *Asked again* counts answers that a client has to repeat its question
for.

{times}

{bars}

## Steps, in seconds

{steps}

## What was sent

{sent}

Pieces of one round, the last:

{pieces}

## Peers

Ratios of pairs in one turn: median (least to greatest). *out/ empty* is the same change by this pipeline
with nothing left of earlier runs but bases and packages: what a runner without a cache pays. *By hand* is
`skopeo copy` of both images and one PUT of the chart into places of their own, without the proxies: the
least that publishing can be, without look-ups, assets, archive, index, a second version. It is held
against the steps image web, image api and chart.

{peers}
"""


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    columns = head.count("|") - 2
    return "\n".join([head, "|---|" + "---:|" * columns, *(f"| {' | '.join(row)} |" for row in rows)])


def _times(found: dict[str, list[Delivery]]) -> str:
    rows = []
    for name, runs in found.items():
        figures = [
            median(runs, lambda one: one.indexed),
            median(runs, lambda one: one.wall),
            median(runs, lambda one: one.cpu),
            median(runs, lambda one: one.waited),
            median(runs, lambda one: one.steps.get("index", 0.0)),
        ]
        again = str(max(one.refused for one in runs))
        rows.append((name, *(f"{figure:.2f}" for figure in figures), again))
    return _table("| | to index s | process s | CPU s | waiting s | of it index s | asked again |", rows)


def _steps(found: dict[str, list[Delivery]]) -> str:
    names = list(dict.fromkeys(name for runs in found.values() for name in runs[0].steps))
    rows = [
        (name, *(f"{median(runs, partial(_step, name)):.2f}" for runs in found.values()))
        for name in names
    ]  # fmt: skip
    rest = (median(runs, lambda one: one.wall - sum(one.steps.values())) for runs in found.values())
    rows.append(("Git, start and end", *(f"{one:.2f}" for one in rest)))
    return _table(f"| | {' | '.join(found)} |", rows)


def _step(name: str, one: Delivery) -> float:
    return one.steps.get(name, 0.0)


def _bytes(place: str, one: Delivery) -> float:
    return one.sent.bytes[place]


def _bars(found: dict[str, list[Delivery]]) -> str:
    word, nothing = found[WORD], found[NOTHING]
    moved = {
        place: {name for run in word for name in run.sent.pieces[place]} - ALLOWED[place] for place in PLACES
    }
    more = ", ".join(f"{place}: {name}" for place, names in moved.items() for name in sorted(names))
    indexed, waited = median(word, lambda one: one.indexed), median(word, lambda one: one.waited / one.wall)
    still = max(one.sent.blobs for one in nothing)
    lines = [
        f"no change moves no blob: {met(not still)} ({still} pieces)",
        "one word moves the pages layer, what the archive needs and the chart alone: "
        f"{met(not more)}{f' ({more})' if more else ''}",
        f"one word is in the index in under {BAR:.0f} s: {met(indexed < BAR)} ({indexed:.2f} s)",
        f"less than half of it is waiting: {met(waited < 0.5)} ({waited:.0%})",
    ]
    return "Bars:\n\n" + "\n".join(f"- {line}" for line in lines)


def _sent(found: dict[str, list[Delivery]]) -> str:
    rows = [
        (name, *(f"{median(runs, partial(_bytes, place)) / 1000:,.1f}" for place in PLACES))
        for name, runs in found.items()
    ]  # fmt: skip
    return _table(f"| kB | {' | '.join(PLACES)} |", rows)


def _pieces(found: dict[str, list[Delivery]]) -> str:
    return "\n".join(
        f"- {name}: " + "; ".join(f"{place}: {runs[-1].sent.told(place)}" for place in PLACES)
        for name, runs in found.items()
    )


def _peers(found: dict[str, list[Delivery]]) -> str:
    cold = "{1:.2f} ({0:.2f} to {2:.2f})".format(*ratio(found[WORD], found[COLD], lambda one: one.indexed))
    pairs = sorted(one.publishing / one.hand for one in found[WORD])
    own, hand = median(found[WORD], lambda one: one.publishing), median(found[WORD], lambda one: one.hand)
    middle = median(found[WORD], lambda one: one.publishing / one.hand)
    return _table(
        "| one word | this s | peer s | ratio |",
        [
            (
                "to index, against out/ empty",
                f"{median(found[WORD], lambda one: one.indexed):.2f}",
                f"{median(found[COLD], lambda one: one.indexed):.2f}",
                cold,
            ),
            (
                "images and chart sent, against by hand",
                f"{own:.2f}",
                f"{hand:.2f}",
                f"{middle:.2f} ({pairs[0]:.2f} to {pairs[-1]:.2f})",
            ),
        ],
    )


def measure(site: Site, rounds: int) -> dict[str, list[Delivery]]:
    """Return what each change took, and the first publication of all."""
    print("  the first publication", file=sys.stderr)
    first = [site.first()]
    sides = {WORD: site.word, NOTHING: site.nothing, STYLE: site.style, COLD: site.cold}
    return {**alternate(sides, rounds), "everything, the first time": first}


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery")
    parser.add_argument("--rounds", type=int, default=5, help="that are counted; 5 unless told")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds: write 1 or more")
    missing = [name for name in ("docker-registry", "skopeo", "openssl") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"error: {', '.join(missing)}: not installed; run `make tools`")
    load = os.getloadavg()[0]
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # a job that is cancelled ends what it has started
    with tempfile.TemporaryDirectory() as folder, published(Path(folder)) as site:
        found = measure(site, rounds)
    text = TEXT.format(
        lag=LAG, rounds=rounds, cores=len(os.sched_getaffinity(0)), load=load, times=_times(found),
        bars=_bars(found), steps=_steps(found), sent=_sent(found), pieces=_pieces(found), peers=_peers(found),
    )  # fmt: skip
    report.write("What a delivery takes", "benchmarks.delivery", text)
    print(text)


if __name__ == "__main__":
    main()
