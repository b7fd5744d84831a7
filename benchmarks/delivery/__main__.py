"""``make bench``: the time from a commit to a published chart, and the uploaded bytes.

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
from benchmarks.delivery.site import LAG, Delivery, EarlierSite, Site, run_servers
from benchmarks.delivery.traffic import TARGETS
from benchmarks.measure import format_met, interleave, median, ratio

BAR = 10.0  # seconds from a commit to the index, for one word
EARLIER, EARLIER_BAR = "one word, by the earlier commit", 0.6  # greatest ratio of the times to the index
WORD, STYLE, NOTHING, COLD = "one word of a post", "the stylesheet", "no change", "one word, out/ empty"
# Uploads that a change of one word may cause: the pages and the files that name them.
ALLOWED = {
    "registry": {"web pages", "web configuration file", "web tag", "api tag"},
    "assets": set[str](),
    "archive": {
        "web pages",
        "web configuration file",
        "web manifest",
        "SBOM",
        "record",
        "chart",
    },
    "charts": {"chart"},
}
TEXT = """\
This repository's own site, cloned with its history, published by `python -m pipelines run` as a whole
process: build, both images, chart, registry (docker-registry, TLS), both buckets (moto), chart repository
(a fake Nexus, which rebuilds its index {lag:.0f} s after a change, as Nexus does by default),
candidate, then stable. Each server runs on the loopback behind a proxy that counts. Interleaved, {rounds}
rounds after a warm-up; medians. The servers run on the same {cores} cores. Load average before:
{load:.1f}; other work is in the figures from 0.5 on.{earlier}

*To index* starts before `git commit`, and ends when the index lists the stable chart and the chart was
read. *CPU* is that of the process and its children, without the servers; *waiting* is the
rest: index, servers, other work. *Retried* counts responses after which a client retries.

{times}

{bars}

## Steps, in seconds

{steps}

## Uploads

{uploads}

Uploads of the last round:

{upload_names}

## Comparison

Ratios within one round: median (least to greatest). *out/ empty* is the same change by this pipeline
with only bases and packages of earlier runs: the cost of a runner without a cache. *By hand* is
`skopeo copy` of both images and one PUT of the chart to other targets, without the proxies: the
minimum of publishing, without look-ups, assets, archive, index, a second version. It is compared
with the steps image web, image api and chart.

{comparison}
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
            median(runs, lambda one: one.waiting),
        ]
        rest = "", ""  # of the earlier commit, whose steps are not read
        if name != EARLIER:
            index = median(runs, lambda one: one.steps.get("index", 0.0))
            rest = f"{index:.2f}", str(max(one.retried for one in runs))
        rows.append((name, *(f"{figure:.2f}" for figure in figures), *rest))
    return _table("| | to index s | process s | CPU s | waiting s | of it index s | retried |", rows)


def _steps(found: dict[str, list[Delivery]]) -> str:
    found = {name: runs for name, runs in found.items() if name != EARLIER}  # it had other steps
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


def _bytes(target: str, one: Delivery) -> float:
    return one.traffic.bytes[target]


def _bars(found: dict[str, list[Delivery]]) -> str:
    word, nothing = found[WORD], found[NOTHING]
    unexpected = {
        target: {name for run in word for name in run.traffic.uploads[target]} - ALLOWED[target]
        for target in TARGETS
    }
    more = ", ".join(f"{target}: {name}" for target, names in unexpected.items() for name in sorted(names))
    indexed = median(word, lambda one: one.indexed)
    waiting = median(word, lambda one: one.waiting / one.wall)
    unchanged = max(one.traffic.count for one in nothing)
    lines = [
        f"no change uploads nothing: {format_met(not unchanged)} ({unchanged} uploads)",
        "one word uploads only the pages layer, files of the archive and the chart: "
        f"{format_met(not more)}{f' ({more})' if more else ''}",
        f"one word is in the index in under {BAR:.0f} s: {format_met(indexed < BAR)} ({indexed:.2f} s)",
        f"less than half of it is waiting: {format_met(waiting < 0.5)} ({waiting:.0%})",
    ]
    if EARLIER in found:
        least, middle, most = ratio(word, found[EARLIER], lambda one: one.indexed)
        lines.append(
            f"one word is in the index in at most {EARLIER_BAR} of the time of the earlier commit: "
            f"{format_met(middle <= EARLIER_BAR)} ({middle:.2f}, {least:.2f} to {most:.2f})"
        )
    return "Bars:\n\n" + "\n".join(f"- {line}" for line in lines)


def _uploads(found: dict[str, list[Delivery]]) -> str:
    rows = [
        (name, *(f"{median(runs, partial(_bytes, target)) / 1000:,.1f}" for target in TARGETS))
        for name, runs in found.items()
        if name != EARLIER
    ]  # fmt: skip
    return _table(f"| kB | {' | '.join(TARGETS)} |", rows)


def _upload_names(found: dict[str, list[Delivery]]) -> str:
    return "\n".join(
        f"- {name}: " + "; ".join(f"{target}: {runs[-1].traffic.describe(target)}" for target in TARGETS)
        for name, runs in found.items()
        if name != EARLIER
    )


def _comparison(found: dict[str, list[Delivery]]) -> str:
    cold = "{1:.2f} ({0:.2f} to {2:.2f})".format(*ratio(found[WORD], found[COLD], lambda one: one.indexed))
    pairs = sorted(one.publishing / one.manual for one in found[WORD])
    own, manual = median(found[WORD], lambda one: one.publishing), median(found[WORD], lambda one: one.manual)
    middle = median(found[WORD], lambda one: one.publishing / one.manual)
    return _table(
        "| one word | this s | reference s | ratio |",
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
                f"{manual:.2f}",
                f"{middle:.2f} ({pairs[0]:.2f} to {pairs[-1]:.2f})",
            ),
        ],
    )


def measure(site: Site, earlier: EarlierSite | None, rounds: int) -> dict[str, list[Delivery]]:
    """Return the deliveries of each change, and the first publication."""
    print("  the first publication", file=sys.stderr)
    first = [site.publish_first()]
    sides = {WORD: site.change_word}
    if earlier:
        earlier.publish_first()
        sides[EARLIER] = earlier.change_word
    sides |= {
        NOTHING: site.change_nothing,
        STYLE: site.change_style,
        COLD: site.change_word_cold,
    }
    return {**interleave(sides, rounds), "everything, the first time": first}


def main() -> None:
    """Measure, and write the section of the delivery."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default: 5)")
    parser.add_argument("--against", metavar="COMMIT", default="", help="measure this commit in turns, too")
    options = parser.parse_args()
    rounds = options.rounds
    if rounds < 1:
        parser.error("--rounds: write 1 or more")
    missing = [name for name in ("docker-registry", "skopeo", "openssl") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"error: {', '.join(missing)}: not installed; run `make tools`")
    load = os.getloadavg()[0]
    # Run the finally blocks of a cancelled job, which end its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder, run_servers(Path(folder), options.against) as sites:
        found = measure(*sites, rounds)
    text = TEXT.format(
        lag=LAG, rounds=rounds, cores=len(os.sched_getaffinity(0)), load=load,
        earlier=f" *The earlier commit* is {options.against}, with its own code." if options.against else "",
        times=_times(found),
        bars=_bars(found), steps=_steps(found), uploads=_uploads(found),
        upload_names=_upload_names(found), comparison=_comparison(found),
    )  # fmt: skip
    report.write_section("What a delivery takes", "benchmarks.delivery", text)
    print(text)


if __name__ == "__main__":
    main()
