"""Render the surveys of corpora as Markdown tables. Functions of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks import structure
from benchmarks.corpora.survey import FOREIGN, Survey
from benchmarks.measure import format_met

BAR = 0.97  # share of bodies that must build without an error


def render(surveys: Sequence[Survey]) -> str:
    """Return the report of all *surveys*."""
    lines = [
        f"A body is accepted if it has no error under the default severities; bar: {BAR:.0%} of all. Wrongly"
        " accepted: accepted, and its structure differs from comrak's (benchmarks/structure.py).",
        "",
        _left_out(surveys),
        "",
        "| corpus | origin | documents | accepted | share | warnings | wrongly accepted |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in surveys:
        warnings = sum(fault.severity == "warning" for fault in one.findings)
        accepted = one.documents - len(one.with_errors)
        lines.append(
            f"| {one.corpus.name} | {one.corpus.origin} | {one.documents} | {accepted}"
            f" | {accepted / one.documents:.1%} | {warnings} | {len(one.wrong)} |"
        )
    documents = sum(one.documents for one in surveys)
    accepted = documents - sum(len(one.with_errors) for one in surveys)
    wrong = sum(len(one.wrong) for one in surveys)
    share = accepted / documents
    lines += [
        f"| all | | {documents} | {accepted} | {share:.1%}, {format_met(share >= BAR)} | | {wrong} |",
        "",
        *_checks(surveys),
        "",
        *_rules(surveys),
    ]
    return "\n".join(lines) + "\n"


def _left_out(surveys: Sequence[Survey]) -> str:
    """Return what the shares do not count."""
    links = sum(one.foreign.total() for one in surveys)
    spared = sum(len(one.spared - one.with_errors) for one in surveys)
    others = [(one, fault) for one in surveys for fault in one.others if fault.severity == "error"]
    files = len({(one.corpus.name, fault.path) for one, fault in others})
    within = sum("HTML within SVG" in fault.text for _, fault in others)
    return (
        "Not counted: front matter, which benchmarks/corpora/mount.py writes in our keys;"
        f" {links} links whose target the mount does not have (by rule below), for which {spared} documents"
        f" without another error would be refused; {len(others)} errors in {files} files that are no"
        f" documents, {within} of them HTML within SVG (`<foreignObject>`): a document that shows such an"
        " image counts as accepted, and its site does not build before the image is saved without it."
    )


def _checks(surveys: Sequence[Survey]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    bodies: dict[tuple[str, str], set[str]] = {}
    for one in surveys:
        for fault in one.findings:
            key = (fault.severity, fault.check)
            counts[key] += 1
            bodies.setdefault(key, set()).add(f"{one.corpus.name}/{fault.path}")
    rows = ["| severity | check | findings | documents |", "|---|---|---:|---:|"]
    for (severity, check), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        rows.append(f"| {severity} | {check} | {count} | {len(bodies[severity, check])} |")
    return rows


def _rules(surveys: Sequence[Survey]) -> list[str]:
    foreign = sum((one.foreign for one in surveys), Counter[str]())
    deviations = sum((one.deviations for one in surveys), Counter[str]())
    rows = ["| not counted as an error of a body | findings |", "|---|---:|"]
    rows += [f"| a link {name}: {reason} | {foreign[name]} |" for name, reason in FOREIGN.items()]
    elsewhere = sum((one.elsewhere for one in surveys), Counter[str]())
    rows += [f"| in a file that is no document, {name} | {count} |" for name, count in elsewhere.items()]
    rows += ["", "| deviation from comrak by design | documents |", "|---|---:|"]
    rows += [f"| {one.name}: {one.reason} | {deviations[one.name]} |" for one in structure.DEVIATIONS]
    return rows


def details(survey: Survey) -> dict[str, Any]:
    """Return every finding and the first difference of each document, for `--details`."""
    return {
        "corpus": survey.corpus.name,
        "findings": [
            [one.severity, one.check, one.path, one.line, one.text, one.fix]
            for one in (*survey.findings, *survey.others)
        ],
        "differing": {path: [one.line, one.reference, one.ours] for path, one in survey.differing.items()},
    }
