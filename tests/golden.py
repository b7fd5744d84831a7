"""The golden tree: the built small site, in a form that gives readable diffs.

``python -m tests.golden`` rewrites tests/golden/site. HTML and XML have one tag
a line; the list of files has the digest and size of each.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from tests.support import project
from tests.support.project import ROOT, files_of

FOLDER = ROOT / "tests" / "golden" / "site"
FILE_LIST = "FILES"
_TEXT = (".html", ".atom", ".xml", ".txt", ".map", ".csv")


def golden_form(site: Path) -> dict[str, str]:
    """Return the golden form of a built tree: texts by path, and the list of all files."""
    found: dict[str, str] = {}
    rows = []
    for name, data in files_of(site).items():
        if name == "site.json":  # holds the times of the phases
            continue
        if name.endswith((".gz", ".br")):
            continue  # a function of the file beside it (tests/site/output/test_compression.py)
        rows.append(f"{hashlib.sha256(data).hexdigest()[:16]} {len(data):>7} {name}")
        if name.endswith(_TEXT):
            found[name] = one_tag_per_line(data.decode())
    found[FILE_LIST] = "\n".join(rows) + "\n"
    return found


def one_tag_per_line(text: str) -> str:
    """Return *text* with a line break between tags, so that a diff shows the tag that changed."""
    return re.sub(r">(?=<)", ">\n", text).rstrip("\n") + "\n"


def read_golden() -> dict[str, str]:
    """Return the golden tree as it is committed."""
    return {name: data.decode() for name, data in files_of(FOLDER).items()}


def main() -> None:
    """Build the small site and write the golden tree."""
    with tempfile.TemporaryDirectory() as folder:
        site = project.small_site(Path(folder))
        project.build_site(site, clean=True)
        fresh = golden_form(site / "out" / "site")
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in fresh.items():
        project.write(FOLDER / name, text)
    print(f"{len(fresh)} files in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
