"""What Git knows about the tree: which commit it is, and when each file last changed.

Reads the repository through GitPython. Only going back writes (a commit) and asks the remote.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import git

from pipelines.core.errors import ToolError

# gitprotocol: a remote with http:// works where somebody wrote it, and no redirect leads there from https.
_NO_DOWNGRADE = "protocol.http.allow=user"


@dataclass(frozen=True, slots=True)
class Change:
    """The newest commit that changed the content of a file."""

    time: int  # committer's time, seconds since 1970
    lies: bool  # the history was cut here, so that the true change may be older
    added: bool  # the commit that brought the file: nothing changed since


@dataclass(frozen=True, slots=True)
class Index:
    """What Git tracks below some folders of the project, submodules included."""

    tracked: frozenset[str]  # files, relative to the project
    missing: tuple[str, ...]  # submodules that were not fetched, relative to the project


@dataclass(frozen=True, slots=True)
class History:
    """A repository as far as a build needs it."""

    head_time: int  # seconds since 1970
    shallow: bool
    changes: Mapping[str, Change]  # by path relative to the project
    index: Index = Index(frozenset(), ())


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is checked out, and how the tree of the project differs from it."""

    commit: str  # 40 hex digits
    time: int  # committer's time, seconds since 1970
    number: int  # how many commits are reachable from it, itself included
    shallow: bool  # the history was cut somewhere, so that the number is too low
    mainline: bool  # it is a commit of the default branch itself, by first parents
    trailers: Mapping[str, tuple[str, ...]]  # the values of each trailer that was asked for, by its key
    changed: tuple[str, ...]  # tracked paths, relative to the project, that are not as committed
    untracked: tuple[str, ...]  # paths that no .gitignore names, below what was asked for


@dataclass(frozen=True, slots=True)
class Branch:
    """The default branch."""

    name: str  # "main"; "HEAD" for a checkout without it
    commit: str  # 40 hex digits
    number: int  # how many commits are reachable from it, itself included
    shallow: bool  # the history was cut somewhere, so that the number is too low


def read_history(project: Path, folder: str, others: Sequence[str] = ()) -> History | None:
    """Read the history of *folder* below *project*; None without Git or without a commit.

    A commit that only renames a file does not count as a change of it. A file of
    a submodule changed when a commit of the submodule changed it. The index is
    that of *folder* and of *others*.
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, prefix = found
        index, modules = _index(repo, prefix, (folder, *others))
        cut = _cut_commits(repo)
        changes = dict(_changes(repo, prefix, folder, cut))
        for name in modules:
            if name == folder or name.startswith(f"{folder}/"):
                with git.Repo(project / name) as module:
                    inner = _changes(module, "", "", _cut_commits(module))
                    changes |= {f"{name}/{path}": change for path, change in inner}
        return History(repo.head.commit.committed_date, bool(cut), changes, index)


def read_index(project: Path, folders: Sequence[str]) -> Index | None:
    """Read what Git tracks below *folders* of *project*; None without Git or without a commit."""
    with open_repository(project) as found:
        return _index(found[0], found[1], folders)[0] if found else None


def read_head(project: Path, *, trailers: Sequence[str], among: Sequence[str], default: str) -> Head | None:
    """Read what is checked out at *project*; None without Git or without a commit.

    *trailers* are the keys of trailers to return. *among* are paths below the
    project where untracked files are looked for. *default* is the name of the
    default branch; "" asks the remote's HEAD as the clone noted it, else "main".
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, prefix = found
        commit = repo.head.commit
        return Head(
            commit=commit.hexsha,
            time=commit.committed_date,
            number=int(repo.git.rev_list("--count", "HEAD")),
            shallow=bool(_cut_commits(repo)),
            mainline=_on_mainline(repo, default),
            trailers={key: trailers_of(repo, "HEAD", key) for key in trailers},
            changed=_changed(repo, prefix),
            untracked=_untracked(repo, prefix, among),
        )


def read_branch(project: Path, default: str) -> Branch | None:
    """Read the default branch; None without Git or without a commit.

    *default* is its name, "" as for ``head``. Where the clone and its remote both
    have it, the one that holds the other counts. A checkout that has no such
    branch tells of HEAD.
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, _ = found
        name, places = _mainline(repo, default)
        tips = [repo.git.rev_parse(place) for place in places] or [repo.head.commit.hexsha]
        tip = tips[-1] if len(tips) > 1 and _holds_commit(repo, tips[-1], tips[0]) else tips[0]
        number = int(repo.git.rev_list("--count", tip))
        return Branch(name if places else "HEAD", tip, number, bool(_cut_commits(repo)))


def resolve_commit(project: Path, text: str) -> str:
    """Return the whole id of the commit that *text*, hex digits, begins; "" for none and for several."""
    with open_repository(project) as found:
        if found is None:
            return ""
        words = ("-q", "--verify", f"{text}^{{commit}}")
        status, said, _ = found[0].git.rev_parse(*words, with_extended_output=True, with_exceptions=False)
        return str(said) if status == 0 and str(said).startswith(text) else ""


def commits_between(project: Path, old: str, new: str) -> tuple[int, int] | None:
    """Return how many commits *new* has that *old* lacks, and the other way round.

    None where this clone cannot tell: without Git, and for a commit that it does not have.
    """
    with open_repository(project) as found:
        if found is None or not all(_knows(found[0], commit) for commit in (old, new)):
            return None
        one, two = (found[0].git.rev_list("--count", span) for span in (f"{old}..{new}", f"{new}..{old}"))
        return int(one), int(two)


def contains_commit(project: Path, commit: str, older: str) -> bool:
    """Return whether *commit* is *older* or was made on top of it, as far as this clone knows."""
    with open_repository(project) as found:
        return found is not None and _holds_commit(found[0], commit, older)


@contextmanager
def open_repository(project: Path) -> Iterator[tuple[git.Repo, str] | None]:
    """Yield the repository and the project's place in it, "" or "path/"; None where there is none."""
    try:
        repo = git.Repo(project, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        yield None
        return
    with repo:
        try:
            top = Path(repo.working_tree_dir or project).resolve()
            prefix = project.resolve().relative_to(top).as_posix()
            prefix = "" if prefix == "." else prefix + "/"
            yield (repo, prefix) if _holds(repo, prefix) else None
        except git.GitCommandNotFound:
            raise ToolError("git: not installed, and this tree has a history; install git") from None
        except git.GitCommandError as error:
            said = error.stderr.strip().removeprefix("stderr:").strip(" \n'")
            raise ToolError(f"git: {' '.join(said.split()) or f'exit status {error.status}'}") from None


def trailers_of(repo: git.Repo, commit: str, key: str) -> tuple[str, ...]:
    """Return the values of the trailer *key* of *commit*, by Git's rules (git-interpret-trailers).

    Only the last paragraph counts, and only where Git takes it for trailers. The
    settings of one person's Git change nothing.
    """
    form = f"--format=%(trailers:key={key},valueonly,unfold)"
    output = repo.git(c="trailer.separators=:").log("-1", "--no-show-signature", form, commit)
    return tuple(line.strip() for line in output.splitlines() if line.strip())


def _on_mainline(repo: git.Repo, default: str) -> bool:
    return any(
        repo.head.commit.hexsha in repo.git.rev_list("--first-parent", place).split()
        for place in _mainline(repo, default)[1]
    )


def _mainline(repo: git.Repo, default: str) -> tuple[str, list[str]]:
    """Return the name of the default branch and the references of that name: the clone's, its remote's."""
    names = {ref.path for ref in repo.references}
    if not default and "refs/remotes/origin/HEAD" in names:
        default = repo.git.symbolic_ref("refs/remotes/origin/HEAD").rpartition("/")[2]
    name = default or "main"
    places = (f"refs/heads/{name}", f"refs/remotes/origin/{name}")
    return name, [place for place in places if place in names]


def _knows(repo: git.Repo, commit: str) -> bool:
    words = ("-e", f"{commit}^{{commit}}")
    status, _, _ = repo.git.cat_file(*words, with_extended_output=True, with_exceptions=False)
    return bool(status == 0)


def _holds_commit(repo: git.Repo, commit: str, older: str) -> bool:
    """Return whether *older* is *commit* or an ancestor; False too where one of them is not here."""
    words = ("--is-ancestor", older, commit)
    status, _, _ = repo.git.merge_base(*words, with_extended_output=True, with_exceptions=False)
    return bool(status == 0)


def _changed(repo: git.Repo, prefix: str) -> tuple[str, ...]:
    """Return what is not as committed, staged or not. Compares contents, since times alone prove nothing."""
    with repo.git.custom_environment(GIT_OPTIONAL_LOCKS="0"):  # looking writes nothing
        words = ("--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=none")
        said = repo.git.status(*words, "--", prefix or ".", strip_newline_in_stdout=False)
    return tuple(record[3:].removeprefix(prefix) for record in said.split("\0") if record)


def _untracked(repo: git.Repo, prefix: str, among: Sequence[str]) -> tuple[str, ...]:
    """Return files that Git does not have. What one person's own settings ignore counts as well."""
    places = [prefix + path for path in among]
    said = repo.git.ls_files("-z", "--others", "--exclude-per-directory=.gitignore", "--", *places)
    return tuple(name.removeprefix(prefix) for name in said.split("\0") if name)


def _holds(repo: git.Repo, prefix: str) -> bool:
    """Return whether HEAD is a commit that has the project; not a folder in somebody else's checkout."""
    # The program before the library: it refuses a repository of another user in words.
    status, _, said = repo.git.rev_parse(
        "-q", "--verify", "HEAD", with_extended_output=True, with_exceptions=False
    )
    if status > 1:
        raise git.GitCommandError("git rev-parse", status, said)
    return status == 0 and (not prefix or bool(repo.git.ls_tree("-d", "HEAD", prefix.rstrip("/"))))


def _cut_commits(repo: git.Repo) -> frozenset[str]:
    """Return the commits whose parents a shallow clone does not have."""
    shallow = Path(repo.common_dir) / "shallow"
    return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def _index(repo: git.Repo, prefix: str, folders: Sequence[str]) -> tuple[Index, list[str]]:
    """Return the index below *folders*, and the submodules there that were fetched."""
    tracked: set[str] = set()
    fetched: list[str] = []
    missing: list[str] = []

    def read(one: git.Repo, inner: str, paths: Sequence[str]) -> None:
        for record in one.git.ls_files("-z", "--stage", "--", *paths).split("\0"):
            head, _, name = record.partition("\t")
            path = (inner + name).removeprefix(prefix)
            if not head.startswith("160000 "):  # the mode of a submodule; gitformat-index(5)
                tracked.update([path] if name else [])
                continue
            try:
                # The folder of a submodule that was not fetched belongs to the repository around it.
                with git.Repo(Path(one.working_dir) / name) as module:
                    module.head.commit.hexsha  # noqa: B018  # is read only now
                    fetched.append(path)
                    read(module, f"{inner}{name}/", ())
            except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
                missing.append(path)

    read(repo, "", [f":(literal){prefix}{folder}" for folder in folders])
    return Index(frozenset(tracked), tuple(sorted(missing))), sorted(fetched)


def _changes(repo: git.Repo, prefix: str, folder: str, cut: frozenset[str]) -> list[tuple[str, Change]]:
    """Return the newest change of each file below *folder* ("" for all), in the order of the log."""
    log = repo.git.log(
        "-z", "--name-status", "-M100%", "--no-show-signature", "--format=%x01%H %ct",
        "HEAD", "--", *([prefix + folder] if prefix + folder else []),
    )  # fmt: skip
    return _newest(log, prefix, cut)


def _newest(log: str, prefix: str, cut: frozenset[str]) -> list[tuple[str, Change]]:
    found: dict[str, Change] = {}
    later: dict[str, str] = {}  # an old name -> the name that the file has today
    for record in log.split("\x01")[1:]:
        head, _, rest = record.partition("\0")
        commit, _, seconds = head.strip().partition(" ")
        fields = iter(rest.strip("\n").split("\0"))
        for status in fields:
            status = status.strip("\n")
            if not status:
                continue
            name = next(fields)
            if status.startswith("R"):
                new = next(fields)
                later.setdefault(name, later.get(new, new))
            else:
                change = Change(int(seconds), lies=commit in cut, added=status == "A")
                found.setdefault(later.get(name, name), change)
    return [(name.removeprefix(prefix), change) for name, change in found.items()]


def commit_rollback(
    project: Path, folders: Sequence[str], files: Mapping[str, str], old: str, message: str, default: str
) -> str:
    """Commit on top of the default branch, push it, and return its id.

    The commit has the *folders* as they were in *old*, and *files* by path and text.

    The checkout must be that branch, and no commit of the remote "origin" may be
    missing; without such a remote nothing is pushed. The remote comes first: where
    it does not take the commit, nothing has changed here. Raises ToolError.
    """
    with open_repository(project) as found:
        if found is None:
            raise ToolError("no commit here to go back from; clone the site with Git")
        repo, prefix = found
        name, _ = _mainline(repo, default)
        if repo.head.is_detached or repo.active_branch.name != name:
            raise ToolError(f"the branch {name} is not checked out; run `git switch {name}`")
        if not _knows(repo, old):
            raise ToolError(f"commit {old[:12]} is not in this clone; run `git fetch --unshallow`")
        remote = "origin" in {one.name for one in repo.remotes}
        head = repo.head.commit.hexsha
        if remote:
            repo.git(c=_NO_DOWNGRADE).fetch("-q", "origin", name)
            if repo.git.rev_parse("FETCH_HEAD") != head:
                raise ToolError(f"{name} here is not {name} of origin; run `git pull --ff-only`, or push")
        whole = {prefix + path: text for path, text in files.items()}
        tree = _tree_with(repo, [prefix + folder for folder in folders], whole, old)
        commit = str(repo.git.commit_tree(tree, "-p", head, "-m", message))
        if remote:
            repo.git(c=_NO_DOWNGRADE).push("-q", "origin", f"{commit}:refs/heads/{name}")
        repo.git.merge("-q", "--ff-only", commit)
        return commit


def _tree_with(repo: git.Repo, folders: Sequence[str], files: Mapping[str, str], old: str) -> str:
    """Return the tree of HEAD with *folders* as they were in *old*, and *files*; no file is touched."""
    with tempfile.TemporaryDirectory() as room, repo.git.custom_environment(GIT_INDEX_FILE=f"{room}/index"):
        repo.git.read_tree("HEAD")
        for folder in folders:
            repo.git.rm("-r", "-f", "-q", "--cached", "--ignore-unmatch", "--", folder)
            if repo.git.ls_tree("-d", old, folder):
                repo.git.read_tree(f"--prefix={folder}/", f"{old}:{folder}")
        for number, (path, text) in enumerate(files.items()):
            place = Path(room) / str(number)
            place.write_text(text, encoding="utf-8", newline="")
            blob = repo.git.hash_object("-w", "--no-filters", str(place))
            repo.git.update_index("--add", "--cacheinfo", f"100644,{blob},{path}")
        return str(repo.git.write_tree())
