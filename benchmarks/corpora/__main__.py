"""``make corpus`` clones the corpora, ``make corpus-report`` builds and compares their documents.

Writes out/corpora/, and its section of benchmarks/RESULTS.md. ``fetch`` clones
from GitHub, or from the mirror that ``--from`` or CORPORA_FROM names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from time import process_time

from benchmarks import report
from benchmarks.corpora import repositories, tables
from benchmarks.corpora.mount import mount
from benchmarks.corpora.repositories import CLONES, Corpus
from benchmarks.corpora.survey import Survey, survey


def _survey(corpus: Corpus) -> Survey:
    start = process_time()
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        found = survey(corpus, project, mount(corpus, project))
    print(
        f"{corpus.name}: {found.documents} documents, {process_time() - start:.0f} s of CPU", file=sys.stderr
    )
    return found


def main() -> None:
    """Clone the corpora, or report on them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpora")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="clone the repositories of corpora.toml")
    fetch.add_argument(
        "--from",
        dest="template",
        default=os.environ.get("CORPORA_FROM") or repositories.PUBLIC,
        help="address or directory with {owner} and {name} (default: GitHub, or CORPORA_FROM)",
    )
    show = commands.add_parser("report", help="survey the clones and the given files")
    show.add_argument("--lines", type=Path, nargs="*", default=[], help="files of JSON lines, as .jsonl.gz")
    show.add_argument("--only", nargs="*", help="names of corpora")
    show.add_argument("--details", type=Path, help="write every finding and difference there, as JSON")
    show.add_argument("--write", action="store_true", help="write the section of benchmarks/RESULTS.md")
    options = parser.parse_args()
    declared = repositories.declared()
    if options.command == "fetch":
        for repository in declared:
            print(f"{repository.name}: {repository.repository}", file=sys.stderr)
            repositories.fetch(repository, options.template)
        print(f"cloned {len(declared)} repositories into {CLONES.relative_to(repositories.ROOT)}")
        return
    wanted = [one for one in declared if options.only is None or one.name in options.only]
    corpora = [*map(repositories.read_lines, options.lines), *map(repositories.read, wanted)]
    surveys = [_survey(corpus) for corpus in corpora]
    text = tables.render(surveys)
    print(text)
    if options.details:
        options.details.write_text(json.dumps([tables.details(one) for one in surveys], indent=1), "utf-8")
    if options.write:
        report.write_section("What real documents run into", "benchmarks.corpora", text)


if __name__ == "__main__":
    main()
