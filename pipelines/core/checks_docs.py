"""Write the reference of all checks: ``make settings-docs``.

Reads the messages of tests/bad. Writes docs/checks.md below the current
directory. No network.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.core.checks import CHECKS, Check

REFERENCE, EXAMPLES = Path("docs", "checks.md"), Path("tests", "bad")
_INTRODUCTION = """\
# Checks

`make settings-docs` writes this page from `pipelines/core/checks.py` and the messages of the tests.

A build reports all findings, each with file, line, the fix and the name of its check. An **error** is
what a reader would lose: nothing is written, and the last site stays. A **warning** is style or
portability: the site is built, unless `--strict` is given. Findings in drafts are warnings. `[checks]`
of `site.toml` changes severities, for all files or below a path, where `*` matches within a directory
and `**` across directories; the last pattern that matches decides:

```toml
[checks]
code-language = "off"

[checks."content/old/**"]
broken-link = "warning"
```

Checks that are always errors protect the build or the readers.
"""


def reference(project: Path) -> str:
    """Return a section for each check; the examples are messages of *project*/tests/bad."""
    examples = _examples(project / EXAMPLES)
    return "\n".join([_INTRODUCTION, *(_section(one, examples.get(one.name, "")) for one in CHECKS.values())])


def _section(check: Check, example: str) -> str:
    change = "It cannot be changed." if check.fixed else f'Change it with `{check.name} = "…"`.'
    lines = [f"## {check.name}", "", check.doc, "", f"Default: **{check.severity}**. {change}"]
    if example:
        lines += ["", "```text", example, "```"]
    return "\n".join(lines) + "\n"


def _examples(folder: Path) -> dict[str, str]:
    """Return a message of each check, by name: the first with the default severity, or else the first."""
    found: dict[str, str] = {}
    usual: dict[str, str] = {}
    for file in sorted(folder.glob("*/expected.txt")):
        for line in file.read_text("utf-8").splitlines():
            if (name := re.search(r" \[([a-z0-9-]+)\]$", line)) and name[1] in CHECKS:
                found.setdefault(name[1], line)
                if (": warning: " in line) == (CHECKS[name[1]].severity == "warning"):
                    usual.setdefault(name[1], line)
    return found | usual


if __name__ == "__main__":
    REFERENCE.write_text(reference(Path()), encoding="utf-8")
