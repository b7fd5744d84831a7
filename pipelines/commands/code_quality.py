"""Format findings as a Code Quality report of GitLab, which merge requests show in the diff.

Reads the lines of the files that have findings. No writes, no network.
Source: GitLab documentation, "Code Quality report format".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault

_SEVERITIES = {"error": "major", "warning": "minor"}  # of info, minor, major, critical, blocker


def code_quality_report(findings: Sequence[Fault], project: Path) -> str:
    """Return the report, a JSON array.

    The fingerprint of a finding is made of its file, check, text and the text of
    its line, not of the line's number: it stays the same when lines move.
    """
    seen: Counter[str] = Counter()
    lines: dict[str, list[str]] = {}
    rows = []
    for one in findings:
        if one.path not in lines:
            lines[one.path] = _lines(project / one.path)
        own = lines[one.path]
        line = own[one.line - 1].strip() if 0 < one.line <= len(own) else ""
        key = "\0".join((one.path, one.check, one.text, line))
        seen[key] += 1  # equal findings in equal lines are numbered
        rows.append(
            {
                "description": f"{one.text}; {one.fix}",
                "check_name": one.check,
                "fingerprint": sha256_hex(f"{key}\0{seen[key]}".encode()),
                "severity": _SEVERITIES[one.severity],
                "location": {"path": one.path, "lines": {"begin": max(1, one.line)}},
            }
        )
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", errors="replace").split("\n")
    except OSError:  # a directory, or a file that is missing
        return []
