"""Read and change one machine: what a task may do, and what a dry run leaves out.

Writes on the machine, unless it is a dry run. Network: what its transport does, `nodes.connection`.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn, Protocol, TypeVar

from nodes.tables import Node
from pipelines.core.errors import ToolError

PENDING = "/var/lib/nodes/pending"  # files named for what must be reloaded after a write
# Target, uploaded file, owner, group, mode, SHA-256, name in PENDING or "", a command that checks the file.
_INSTALL = """set -eu
new="$1.nodes-new"
install -D -o "$3" -g "$4" -m "$5" -- "$2" "$new"
echo "$6  $new" | sha256sum --check --status || { rm -f -- "$new"; echo "the upload is damaged" >&2; exit 1; }
target="$1"; upload="$2"; pending="$7"; shift 7
[ $# -eq 0 ] || "$@" "$new" >&2 || { rm -f -- "$new"; exit 1; }
[ -z "$pending" ] || { mkdir -p -- "${pending%/*}"; : > "$pending"; }
mv -f -- "$new" "$target"
rm -f -- "$upload"
"""
# Mode and owner on the first line, then the content, or its SHA-256 for a secret; nothing for a missing file.
_CONTENT = 'if [ -e "$1" ]; then stat -L -c "%a %U %G" -- "$1"; cat -- "$1"; fi'
# The file, gone before the command reads it, and the command.
_WITH_INPUT = 'exec < "$1"; rm -f -- "$1"; shift; exec "$@"'
# The marker in PENDING, and the command.
_MARK = 'mkdir -p -- "${1%/*}"; : > "$1"; shift; exec "$@"'
_SETTLE = 'done="$1"; shift; "$@" && rm -f -- "$done"'
# A copy of the file $1 for the user of SSH alone, who owns the directory of $2.
_SHARE = 'umask 077; cp -- "$1" "$2"; chown --reference="${2%/*}" -- "$2"'
_DIGEST = (
    'if [ -e "$1" ]; then stat -L -c "%a %U %G" -- "$1"; sha256sum < "$1" | cut -c1-64 | tr -d "\\n"; fi'
)

_Value = TypeVar("_Value")


class HostError(ToolError):
    """A machine is away, refuses, or a command on it has failed; the message begins with its name."""


class CommandError(HostError):
    """A command on a machine has failed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command gave."""

    status: int  # exit status
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a machine, made or, in a dry run, left out."""

    what: str  # "write /etc/hosts"
    diff: str = ""  # unified; "" without a text to show


class Transport(Protocol):
    """Commands and uploads on one machine; `nodes.connection` makes one over SSH."""

    def run(self, argv: tuple[str, ...], timeout: float, *, sudo: bool) -> Output:
        """Run *argv*; raise HostError when it takes longer than *timeout* seconds, or the machine is away."""

    def upload(self, data: bytes, path: str) -> None:
        """Write *data* to *path* as the user of SSH."""

    def download(self, path: str) -> bytes:
        """Return the content of *path*, read as the user of SSH."""

    def close(self) -> None:
        """Close the connection."""


class Host:
    """One machine. `read` always runs; in a dry run, `change` and `write` only record."""

    def __init__(self, node: Node, transport: Transport, *, timeout: float, dry_run: bool = False) -> None:
        self.node = node
        self.dry_run = dry_run
        self.changes: list[Change] = []
        self.notes: list[str] = []  # what the operator must know or copy
        self._transport = transport
        self._timeout = timeout
        self._staging = ""
        self._pending: set[str] = set()  # names that this run has written for

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._staging and not isinstance(error, HostError):
                self._transport.run(("rm", "-rf", "--", self._staging), self._timeout, sudo=False)
        finally:
            self._transport.close()

    def read(self, *argv: str, timeout: float = 0, check: bool = True) -> Output:
        """Run *argv*, which changes nothing, as root; raise CommandError for a status other than 0.

        With *check* false, any status is returned.
        """
        return self._run(argv, timeout, check=check)

    def change(self, what: str, *argv: str, timeout: float = 0, then: str = "") -> str:
        """Record *what*, and run *argv* as root unless this is a dry run; raise CommandError if it fails.

        Return its standard output, "" in a dry run. *then* is what `settle` does
        afterwards, even where *argv* fails halfway.
        """
        if then:
            argv = ("sh", "-c", _MARK, "sh", f"{PENDING}/{then}", *argv)
            self._pending.add(then)
        output = self._record(Change(what), lambda: self._run(argv, timeout, check=True, label=what))
        return output.stdout if output else ""

    def change_with(self, what: str, data: bytes, *argv: str) -> None:
        """Make the change *argv* with *data*, a secret, on its stdin: in no command line and no log."""
        self._record(Change(what), lambda: self._run_with(data, argv, what))

    def write(
        self,
        path: str,
        text: str,
        *,
        mode: int = 0o644,
        owner: str = "root:root",
        secret: bool = False,
        then: str = "",
        check: tuple[str, ...] = (),
    ) -> bool:
        """Write *text* to *path* in one rename, if content, mode or *owner* differ; return whether they do.

        The content of a *secret* is neither read nor shown. *then* is what `settle`
        reloads afterwards. *check* gets the name of the new file as its last argument;
        where it fails, the old file stays.
        """
        user, _, group = owner.partition(":")
        wanted = f"{mode:o} {user} {group}"
        found = self.read("sh", "-c", _DIGEST if secret else _CONTENT, "sh", path).stdout
        attributes, _, content = found.partition("\n")
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        is_same = content == (digest if secret else text)
        if found and is_same and attributes == wanted:
            return False
        what = (
            f"write {path}" if not is_same or not found else f"write {path} ({attributes} becomes {wanted})"
        )
        diff = "" if secret or is_same else _diff(path, content if found else None, text)
        arguments = (user, group, f"{mode:o}", digest, f"{PENDING}/{then}" if then else "", *check)
        self._record(Change(what, diff), lambda: self._install(path, data, arguments))
        self._pending |= {then} - {""}
        return True

    def settle(self, name: str, what: str, *argv: str, timeout: float = 0) -> bool:
        """Make the change *argv* if a file was written for *name* since it last succeeded; return whether.

        An earlier run counts too: it may have written the file and failed before the
        reload.
        """
        if not self.is_pending(name):
            return False
        marker = f"{PENDING}/{name}"
        self.change(what, "sh", "-c", _SETTLE, "sh", marker, *argv, timeout=timeout)
        self._pending.discard(name)
        return True

    def is_pending(self, name: str) -> bool:
        """Return whether `settle` would make its change."""
        marker = f"{PENDING}/{name}"
        return name in self._pending or not self.read("test", "-e", marker, check=False).status

    def differs(self, path: str, text: str, *, mode: int = 0o644, owner: str = "root:root") -> bool:
        """Return whether `write` would write."""
        attributes, _, content = self.read("sh", "-c", _CONTENT, "sh", path).stdout.partition("\n")
        return (attributes, content) != (f"{mode:o} {owner.replace(':', ' ')}", text)

    def remove(self, path: str) -> bool:
        """Remove the file *path*; return whether it was there."""
        if self.read("test", "-e", path, check=False).status:
            return False
        self.change(f"remove {path}", "rm", "-f", "--", path)
        return True

    def fail(self, text: str, fix: str) -> NoReturn:
        """Raise HostError with *text* and *fix*, in the name of the machine."""
        raise HostError(f"{self.node.name}: {text}; {fix}")

    def upload(self, what: str, data: bytes, path: str) -> None:
        """Record *what*, and write *data* to *path*, which only root may read, unless this is a dry run."""
        digest = hashlib.sha256(data).hexdigest()
        arguments = ("root", "root", "600", digest, "")
        self._record(Change(what), lambda: self._install(path, data, arguments))

    def download(self, path: str) -> bytes:
        """Return the content of the file *path*, which root may read."""
        copy = f"{self._staging_directory()}/download"
        self._run(("sh", "-c", _SHARE, "sh", path, copy), 0, check=True)
        return self._transport.download(copy)

    def _record(self, change: Change, perform: Callable[[], _Value]) -> _Value | None:
        """Perform *change* and record it. The only place that decides what a dry run leaves out."""
        value = None if self.dry_run else perform()
        self.changes.append(change)
        return value

    def _staging_directory(self) -> str:
        """Return a directory on the machine that only root and the user of SSH may enter."""
        if not self._staging:
            made = self._transport.run(("mktemp", "-d"), self._timeout, sudo=False)
            self._staging = made.stdout.strip()
            if made.status or not self._staging:
                self.fail("mktemp: made no directory", "free some space in /tmp")
        return self._staging

    def _upload(self, data: bytes) -> str:
        """Return the name of a new file with *data* that only the user of SSH can read."""
        upload = f"{self._staging_directory()}/upload"
        self._transport.upload(data, upload)
        return upload

    def _run_with(self, data: bytes, argv: tuple[str, ...], what: str) -> None:
        upload = self._upload(data)
        self._run(("sh", "-c", _WITH_INPUT, "sh", upload, *argv), 0, check=True, label=what)

    def _install(self, path: str, data: bytes, arguments: tuple[str, ...]) -> None:
        upload = self._upload(data)
        self._run(
            ("sh", "-c", _INSTALL, "sh", path, upload, *arguments), 0, check=True, label=f"write {path}"
        )

    def _run(self, argv: tuple[str, ...], timeout: float, *, check: bool, label: str = "") -> Output:
        output = self._transport.run(("env", "LC_ALL=C", *argv), timeout or self._timeout, sudo=True)
        if check and output.status:
            lines = (output.stderr.strip() or output.stdout.strip() or "(it wrote no message)").splitlines()
            what = label or (" ".join(argv[:2]) if argv[0] != "sh" else "sh")
            message = f"{self.node.name}: {what}: exit status {output.status}: {' | '.join(lines[-5:])}"
            if "a password is required" in message:
                message += "; let the user of [ssh] use sudo without a password"
            raise CommandError(message)
        return output


def _diff(path: str, old: str | None, new: str) -> str:
    """Return the unified diff from *old*, None for a missing file, to *new*."""
    before = [] if old is None else old.splitlines(keepends=True)
    names = ("/dev/null" if old is None else path, path)
    lines = difflib.unified_diff(before, new.splitlines(keepends=True), *names, n=2)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
