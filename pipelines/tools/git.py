"""Read the checkout and its branches, and commit a rollback.

Reads the repository through GitPython. Only ``commit_rollback`` writes (a commit)
and contacts the remote.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ToolError

try:
    import git as git  # for git_history too
except ImportError:  # GitPython runs git when it is imported
    raise ToolError("git is not installed, or not on PATH; install it") from None

# gitprotocol: allows a remote that is configured with http://, and no redirect from https to http.
_NO_DOWNGRADE = "protocol.http.allow=user"


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is checked out, and how the tree of the project differs from it."""

    commit: str  # 40 hex digits
    time: int  # committer's time, seconds since 1970
    number: int  # of commits reachable from it, itself included
    shallow: bool  # a shallow clone, so that the number is too low
    mainline: bool  # it is on the default branch itself, by first parents
    trailers: Mapping[str, tuple[str, ...]]  # the values of each requested trailer, by its key
    changed: tuple[str, ...]  # tracked paths, relative to the project, that differ from the commit
    untracked: tuple[str, ...]  # requested paths that are neither tracked nor in a .gitignore


@dataclass(frozen=True, slots=True)
class Branch:
    """The default branch."""

    name: str  # "main"; "HEAD" for a checkout without it
    commit: str  # 40 hex digits
    number: int  # of commits reachable from it, itself included
    shallow: bool  # a shallow clone, so that the number is too low


def read_head(project: Path, *, trailers: Sequence[str], among: Sequence[str], default: str) -> Head | None:
    """Read the checkout at *project*; None without Git or without a commit.

    *trailers* are the keys of trailers to return. *among* are paths below the
    project that are searched for untracked files. *default* is the name of the
    default branch; "" means the remote's HEAD as this clone has it, else "main".
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
            shallow=bool(cut_commits(repo)),
            mainline=_on_mainline(repo, default),
            trailers={key: trailers_of(repo, "HEAD", key) for key in trailers},
            changed=_changed(repo, prefix),
            untracked=_untracked(repo, prefix, among),
        )


def read_branch(project: Path, default: str) -> Branch | None:
    """Read the default branch; None without Git or without a commit.

    *default* is its name, "" as for ``read_head``. Of the clone's branch and its
    remote's, the one that contains the other counts. Without such a branch, HEAD is
    returned.
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, _ = found
        name, refs = _default_branch(repo, default)
        tips = [repo.git.rev_parse(ref) for ref in refs] or [repo.head.commit.hexsha]
        tip = tips[-1] if len(tips) > 1 and _is_ancestor(repo, tips[0], tips[-1]) else tips[0]
        number = int(repo.git.rev_list("--count", tip))
        return Branch(name if refs else "HEAD", tip, number, bool(cut_commits(repo)))


def resolve_commit(project: Path, text: str) -> str:
    """Return the full id of the commit with the abbreviation *text*; "" if unknown or ambiguous."""
    with open_repository(project) as found:
        if found is None:
            return ""
        options = ("-q", "--verify", f"{text}^{{commit}}")
        status, output, _ = found[0].git.rev_parse(*options, with_extended_output=True, with_exceptions=False)
        return str(output) if status == 0 and str(output).startswith(text) else ""


def commits_between(project: Path, old: str, new: str) -> tuple[int, int] | None:
    """Return how many commits *new* has that *old* lacks, and the other way round.

    None without Git, and for a commit that is not in this clone.
    """
    with open_repository(project) as found:
        if found is None or not all(_has_commit(found[0], commit) for commit in (old, new)):
            return None
        ahead, behind = (
            found[0].git.rev_list("--count", span) for span in (f"{old}..{new}", f"{new}..{old}")
        )
        return int(ahead), int(behind)


def contains_commit(project: Path, commit: str, older: str) -> bool:
    """Return whether *commit* is *older* or a descendant of it; False for a commit not in this clone."""
    with open_repository(project) as found:
        return found is not None and _is_ancestor(found[0], older, commit)


@contextmanager
def open_repository(project: Path) -> Iterator[tuple[git.Repo, str] | None]:
    """Yield the repository, and the project's path in it as "" or "path/"; None without a repository."""
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
            yield (repo, prefix) if _contains_project(repo, prefix) else None
        except git.GitCommandNotFound:
            raise ToolError("git: not installed, and this tree has a history; install git") from None
        except git.GitCommandError as error:
            message = error.stderr.strip().removeprefix("stderr:").strip(" \n'")
            raise ToolError(f"git: {' '.join(message.split()) or f'exit status {error.status}'}") from None


def trailers_of(repo: git.Repo, commit: str, key: str) -> tuple[str, ...]:
    """Return the values of the trailer *key* of *commit*, by Git's rules (git-interpret-trailers).

    Only the last paragraph counts, and only where Git parses it as trailers. The
    user's Git configuration has no effect.
    """
    format_option = f"--format=%(trailers:key={key},valueonly,unfold)"
    output = repo.git(c="trailer.separators=:").log("-1", "--no-show-signature", format_option, commit)
    return tuple(line.strip() for line in output.splitlines() if line.strip())


def _on_mainline(repo: git.Repo, default: str) -> bool:
    return any(
        repo.head.commit.hexsha in repo.git.rev_list("--first-parent", ref).split()
        for ref in _default_branch(repo, default)[1]
    )


def _default_branch(repo: git.Repo, default: str) -> tuple[str, list[str]]:
    """Return the name of the default branch, and its existing references: the clone's, its remote's."""
    names = {ref.path for ref in repo.references}
    if not default and "refs/remotes/origin/HEAD" in names:
        default = repo.git.symbolic_ref("refs/remotes/origin/HEAD").rpartition("/")[2]
    name = default or "main"
    refs = (f"refs/heads/{name}", f"refs/remotes/origin/{name}")
    return name, [ref for ref in refs if ref in names]


def _has_commit(repo: git.Repo, commit: str) -> bool:
    options = ("-e", f"{commit}^{{commit}}")
    status, _, _ = repo.git.cat_file(*options, with_extended_output=True, with_exceptions=False)
    return bool(status == 0)


def _is_ancestor(repo: git.Repo, older: str, commit: str) -> bool:
    """Return whether *older* is *commit* or an ancestor; False for a commit not in this clone."""
    options = ("--is-ancestor", older, commit)
    status, _, _ = repo.git.merge_base(*options, with_extended_output=True, with_exceptions=False)
    return bool(status == 0)


def _changed(repo: git.Repo, prefix: str) -> tuple[str, ...]:
    """Return the paths that differ from the commit, staged or not; contents are compared, not times."""
    with repo.git.custom_environment(GIT_OPTIONAL_LOCKS="0"):  # a read writes nothing
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=none")
        output = repo.git.status(*options, "--", prefix or ".", strip_newline_in_stdout=False)
    return tuple(record[3:].removeprefix(prefix) for record in output.split("\0") if record)


def _untracked(repo: git.Repo, prefix: str, among: Sequence[str]) -> tuple[str, ...]:
    """Return untracked files below *among*; the user's own ignore rules have no effect."""
    paths = [prefix + path for path in among]
    output = repo.git.ls_files("-z", "--others", "--exclude-per-directory=.gitignore", "--", *paths)
    return tuple(name.removeprefix(prefix) for name in output.split("\0") if name)


def _contains_project(repo: git.Repo, prefix: str) -> bool:
    """Return whether HEAD is a commit with the project, not a directory in another checkout."""
    # git before GitPython: it explains why it refuses a repository of another user.
    status, _, message = repo.git.rev_parse(
        "-q", "--verify", "HEAD", with_extended_output=True, with_exceptions=False
    )
    if status > 1:
        raise git.GitCommandError("git rev-parse", status, message)
    return status == 0 and (not prefix or bool(repo.git.ls_tree("-d", "HEAD", prefix.rstrip("/"))))


def cut_commits(repo: git.Repo) -> frozenset[str]:
    """Return the commits whose parents a shallow clone does not have."""
    shallow = Path(repo.common_dir) / "shallow"
    return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def commit_rollback(
    project: Path, folders: Sequence[str], files: Mapping[str, str], old: str, message: str, default: str
) -> str:
    """Commit on top of the default branch, push it, and return its id.

    The commit has the *folders* as of *old*, and *files* by path and text.

    The checkout must be that branch, and up to date with the remote "origin";
    without such a remote nothing is pushed. The push comes first: when it fails,
    the clone is unchanged. Raises ToolError.
    """
    with open_repository(project) as found:
        if found is None:
            raise ToolError("no commit here to roll back; clone the site with Git")
        repo, prefix = found
        name, _ = _default_branch(repo, default)
        if repo.head.is_detached or repo.active_branch.name != name:
            raise ToolError(f"the branch {name} is not checked out; run `git switch {name}`")
        if not _has_commit(repo, old):
            raise ToolError(f"commit {old[:12]} is not in this clone; run `git fetch --unshallow`")
        remote = "origin" in {one.name for one in repo.remotes}
        head = repo.head.commit.hexsha
        if remote:
            repo.git(c=_NO_DOWNGRADE).fetch("-q", "origin", name)
            if repo.git.rev_parse("FETCH_HEAD") != head:
                raise ToolError(f"{name} here is not {name} of origin; run `git pull --ff-only`, or push")
        texts = {prefix + path: text for path, text in files.items()}
        tree = _write_tree(repo, [prefix + folder for folder in folders], texts, old)
        commit = str(repo.git.commit_tree(tree, "-p", head, "-m", message))
        if remote:
            repo.git(c=_NO_DOWNGRADE).push("-q", "origin", f"{commit}:refs/heads/{name}")
        repo.git.merge("-q", "--ff-only", commit)
        return commit


def _write_tree(repo: git.Repo, folders: Sequence[str], files: Mapping[str, str], old: str) -> str:
    """Write the tree of HEAD with *folders* as of *old* and *files*; the checkout is unchanged."""
    with (
        tempfile.TemporaryDirectory() as directory,
        repo.git.custom_environment(GIT_INDEX_FILE=f"{directory}/index"),
    ):
        repo.git.read_tree("HEAD")
        for folder in folders:
            repo.git.rm("-r", "-f", "-q", "--cached", "--ignore-unmatch", "--", folder)
            if repo.git.ls_tree("-d", old, folder):
                repo.git.read_tree(f"--prefix={folder}/", f"{old}:{folder}")
        for number, (path, text) in enumerate(files.items()):
            file = Path(directory) / str(number)
            file.write_text(text, encoding="utf-8", newline="")
            blob = repo.git.hash_object("-w", "--no-filters", str(file))
            repo.git.update_index("--add", "--cacheinfo", f"100644,{blob},{path}")
        return str(repo.git.write_tree())
