"""Read the corpora: public repositories at a commit (corpora.toml), or a file of JSON lines.

``fetch`` clones with Git from a public address, or from a local mirror. Writes
out/corpora/.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DECLARED = ROOT / "benchmarks" / "corpora.toml"
CLONES = ROOT / "out" / "corpora"
PUBLIC = "https://github.com/{owner}/{name}.git"


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of corpora.toml."""

    name: str
    repository: str  # owner/name
    commit: str
    folder: str  # what is mounted
    kind: str
    front_matter: str  # "yaml", "toml" or "none"
    urls: str = ""  # pattern of its addresses; "": ours

    def address(self, template: str) -> str:
        """Return where it is cloned from: *template* with ``{owner}`` and ``{name}``."""
        owner, _, name = self.repository.partition("/")
        return template.format(owner=owner, name=name)

    @property
    def clone(self) -> Path:
        """Return its bare clone."""
        return CLONES / f"{self.name}.git"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files to mount, and what else their repository has."""

    name: str
    origin: str  # for the report: repository@commit, or a digest
    front_matter: str  # "yaml", "toml" or "none"
    files: Mapping[str, bytes]  # by path below the mounted folder
    titles: Mapping[str, str]  # of files without front matter, where the corpus has them
    folder: str  # path of the mounted folder in the repository
    paths: frozenset[str] | None  # every file and directory of the repository; None: unknown
    generated: frozenset[str] = frozenset()  # files that its .gitignore names: made by a program
    urls: str = ""  # pattern of its addresses; "": ours
    absent: int = 0  # files that the clone lacks, mounted empty


def declared() -> list[Repository]:
    """Return the repositories of corpora.toml."""
    with DECLARED.open("rb") as file:
        return [Repository(name=name, **row) for name, row in tomllib.load(file).items()]


def fetch(repository: Repository, template: str) -> None:
    """Clone *repository* at its commit alone; Git verifies that the content has this hash."""
    target = repository.clone
    if _has(target, repository.commit):
        return
    source = repository.address(template)
    if Path(source).is_dir():  # a mirror: nothing to copy, and it may lack large files
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(Path(source).resolve(), target_is_directory=True)
    else:
        subprocess.run(["git", "init", "--quiet", "--bare", str(target)], check=True)
        _git(target, "fetch", "--quiet", "--depth=1", source, repository.commit)
    if not _has(target, repository.commit):
        raise SystemExit(f"error: {source} has no commit {repository.commit}; fix benchmarks/corpora.toml")


def read(repository: Repository) -> Corpus:
    """Return the files of a fetched *repository*."""
    if not _has(repository.clone, repository.commit):
        raise SystemExit(f"error: {repository.name} was not fetched; run make corpus")
    listing = _git(repository.clone, "ls-tree", "-r", "-z", repository.commit).decode()
    blobs: dict[str, str] = {}
    paths: set[str] = set()
    for line in filter(None, listing.split("\0")):
        info, _, path = line.partition("\t")
        mode, kind, blob = info.split()
        paths.update(_with_parents(path))
        if kind == "blob" and mode != "120000" and path.startswith(f"{repository.folder}/"):
            blobs[path.removeprefix(f"{repository.folder}/")] = blob
    contents = _contents(repository.clone, list(blobs.values()))
    files = {path: contents.get(blob, b"") for path, blob in blobs.items()}
    return Corpus(
        name=repository.name,
        origin=f"{repository.repository}@{repository.commit[:12]}, {repository.folder}/",
        front_matter=repository.front_matter,
        files=files,
        titles={},
        folder=repository.folder,
        paths=frozenset(paths),
        generated=_generated(repository) if ".gitignore" in paths else frozenset(),
        urls=repository.urls,
        absent=sum(blob not in contents for blob in blobs.values()),
    )


def read_lines(file: Path) -> Corpus:
    """Return the documents of *file*: a JSON object a line with name, title and body, packed or not."""
    data = file.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    digest = hashlib.sha256(data).hexdigest()
    return Corpus(
        name=file.name.partition(".")[0],
        origin=f"{len(rows)} documents, sha256 {digest[:16]}",
        front_matter="none",
        files={row["name"]: row["body"].encode() for row in rows},
        titles={row["name"]: row["title"] for row in rows},
        folder="",
        paths=None,
    )


def _generated(repository: Repository) -> frozenset[str]:
    text = _git(repository.clone, "show", f"{repository.commit}:.gitignore").decode()
    return frozenset(line.strip().lstrip("/") for line in text.splitlines() if line and line[0] not in "#!")


def _with_parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _has(clone: Path, commit: str) -> bool:
    argv = ["git", "--git-dir", str(clone), "cat-file", "-e", f"{commit}^{{commit}}"]
    return clone.exists() and subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _git(clone: Path, *argv: str, stdin: bytes = b"") -> bytes:
    command = ["git", "--git-dir", str(clone), *argv]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def _contents(clone: Path, blobs: list[str]) -> dict[str, bytes]:
    """Return the content of each blob that *clone* has."""
    answer = _git(clone, "cat-file", "--batch", stdin="\n".join(blobs).encode() + b"\n")
    found: dict[str, bytes] = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        blob, *rest = answer[at:end].decode().split()
        at = end + 1
        if rest[-1] != "missing":
            size = int(rest[1])
            found[blob] = answer[at : at + size]
            at += size + 1
    return found
