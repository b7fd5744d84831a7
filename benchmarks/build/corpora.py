"""Choose the posts of the benchmark: generated ones, or the documents of a file that every generator takes.

Builds a site of the documents, in a temporary directory. No network.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus
from benchmarks.build import generators
from benchmarks.corpora import repositories
from benchmarks.corpus import Post

_SHORTCODE = re.compile(r"\{\{[<%]")  # Hugo would run it


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where the posts come from."""

    name: str
    description: str  # name, number of documents, digest; no path
    posts: Callable[[int], list[Post]]  # as many as asked for


def generated() -> Corpus:
    """Return the generated corpus; the digest is that of its first 1,000 bodies."""
    digest = _digest([post.body for post in corpus.generate(1000)])
    text = f"{corpus.GENERATED} (benchmarks/corpus.py): its first 1,000 documents have the sha256 {digest}"
    return Corpus(corpus.GENERATED, text, corpus.generate)


def read(file: Path) -> Corpus:
    """Return the documents of the JSON lines in *file* that this build takes without an error."""
    found = repositories.read_lines(file)
    documents = [
        (name.removesuffix(".md"), found.titles[name], data.decode())
        for name, data in sorted(found.files.items())
        if not _SHORTCODE.search(data.decode())
    ]
    accepted = _without_errors(documents)
    digest = _digest([body for _, _, body in accepted])
    text = f"{found.name}: {found.origin}; of these {len(accepted)} that have no error, sha256 {digest}"
    return Corpus(found.name, text, lambda pages: corpus.repeat(accepted, pages))


def describe(posts: Sequence[Post]) -> str:
    """Return how many bytes a post of *posts* has."""
    size = sum(len(post.body.encode()) for post in posts) / len(posts)
    return f"{size / 1000:.1f} kB a post"


def _without_errors(documents: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return those of *documents* that build together without an error: without one, links to it break."""
    left = list(documents)
    while True:
        with tempfile.TemporaryDirectory() as name:
            project = Path(name)
            argv = generators.write_own(project, corpus.repeat(left, len(left)))
            done = subprocess.run([*argv, "--json"], cwd=project, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return left
        try:
            findings = json.loads(done.stdout)["findings"]
        except ValueError:
            raise RuntimeError(f"the documents cannot be built: {done.stderr[-2000:]}") from None
        wrong = {Path(one["path"]).stem for one in findings if one["severity"] == "error"}
        kept = [one for one in left if one[0] not in wrong]
        if len(kept) == len(left):
            raise RuntimeError(f"not an error of a document: {done.stderr[-2000:]}")
        left = kept


def _digest(bodies: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(bodies).encode()).hexdigest()[:16]
