"""`kubernetes.backup` and `kubernetes.restore`: snapshots of etcd.

Network: a control plane. Writes on it, and files of mode 0600 here: a snapshot has every Secret.
etcd's own tools run in its own image, by containerd: neither needs the API server.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from nodes.host import Host, HostError
from nodes.runs import Session, read_all
from nodes.tables import Node
from nodes.tasks.kubernetes.api import ADMIN, exists
from nodes.tasks.kubernetes.static_pods import AWAY, MANIFESTS, wait_ready, while_stopped
from pipelines.core.errors import PipelineError, UsageError

_DIRECTORY = "/var/lib/nodes/etcd"
_DATA = "/var/lib/etcd"
_SNAPSHOT = f"{_DIRECTORY}/snapshot.db"
_AUTHORITIES = f"{_DIRECTORY}/pki.tar"
_TIMEOUT = 300.0
# Runs a program of etcd's image. Arguments: its name, and its own.
_RUN = f"""set -eu
for one in {MANIFESTS} {AWAY}; do
  [ ! -e "$one/etcd.yaml" ] || image="$(sed -n 's/^ *image: *//p' "$one/etcd.yaml")"
done
[ -n "${{image:-}}" ] || {{ echo "no etcd.yaml names an image" >&2; exit 1; }}
program="$1"; shift
etcd() {{
  ctr --namespace k8s.io run --rm --net-host \\
    --mount type=bind,src=/etc/kubernetes/pki/etcd,dst=/pki,options=rbind:ro \\
    --mount type=bind,src={_DIRECTORY},dst={_DIRECTORY},options=rbind:rw \\
    --mount type=bind,src={_DATA},dst={_DATA},options=rbind:rw \\
    "$image" "nodes-etcd-$$" "/usr/local/bin/$program" "$@"
}}
"""
# One snapshot at a time: the file has the same name in each run.
_LOCK = f"""umask 077; mkdir -p -m 700 {_DIRECTORY}
exec 9> {_DIRECTORY}/lock
flock -n 9 || {{ echo "another backup or restore runs on this machine" >&2; exit 1; }}
"""
_SAVE = (
    f"{_LOCK}rm -f {_SNAPSHOT}\n{_RUN}"
    f'etcd "$@" snapshot save {_SNAPSHOT} >&2\n'
    f"tar -C /etc/kubernetes -cf {_AUTHORITIES}"
    " pki/ca.crt pki/ca.key pki/sa.pub pki/sa.key pki/front-proxy-ca.crt pki/front-proxy-ca.key"
    " pki/etcd/ca.crt pki/etcd/ca.key\n"
)
# Arguments: etcdutl, the snapshot.
_STATUS = f'{_RUN}etcd snapshot status "$1" --write-out json\n'
# Arguments: etcdutl, name of the member, URL of its peers, the snapshot, directory for the data before. The
# new data is complete before the old is renamed, on one file system; a fault in between renames it back.
_RESTORE = f"""{_LOCK}{_RUN}
name="$1" peer="$2" snapshot="$3" kept="$4"
data={_DATA} new={_DATA}/nodes-restored old={_DATA}/nodes-replaced
undo() {{
  [ -e "$data/member" ] || [ ! -e "$old" ] || mv -T -- "$old" "$data/member"
  rm -rf -- "$new"
}}
trap undo EXIT
trap 'exit 1' HUP INT TERM
undo  # of a run that lost its power
[ ! -e "$old" ] || mv -T -- "$old" "$kept-before"
etcd snapshot restore "$snapshot" --data-dir "$new" --name "$name" --initial-cluster "$name=$peer" \\
  --initial-advertise-peer-urls "$peer" --bump-revision 1000000000 --mark-compacted >&2
[ -d "$new/member" ]
[ ! -e "$data/member" ] || mv -T -- "$data/member" "$old"
mv -T -- "$new/member" "$data/member"
[ ! -e "$old" ] || mv -T -- "$old" "$kept"
"""
_CLIENT = (
    "--endpoints=https://127.0.0.1:2379",
    "--cacert=/pki/ca.crt",
    "--cert=/pki/healthcheck-client.crt",
    "--key=/pki/healthcheck-client.key",
)


def check_target(file: Path) -> None:
    """Refuse a *file* that exists, or that a Git checkout contains; raise UsageError."""
    for one in (file, authorities_file(file)):
        if os.path.lexists(one):
            raise UsageError(f"--to: {one} exists; name a new file")
    if not os.path.isdir(file.parent):  # False, too, where it may not be looked at
        raise UsageError(f"--to: {file.parent} is not a directory; make it")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--to: {file.parent} cannot be written to; name a file in another directory")
    for directory in file.resolve().parents:
        if (directory / ".git").exists():
            text = f"--to: {directory} is a checkout of Git, and a snapshot has every Secret of the cluster"
            raise UsageError(f"{text}; name a file outside of it")


def backup(host: Host, file: Path) -> None:
    """Take a snapshot, check it, and write it to *file*, and the authorities beside it, both of mode 0600."""
    if not exists(host, ADMIN):
        host.fail("has no cluster", "run it on a control plane")
    what = "take a snapshot of etcd"
    host.change(what, "sh", "-c", _SAVE, "sh", "etcdctl", *_CLIENT, timeout=_TIMEOUT)
    authorities = authorities_file(file)
    if host.dry_run:
        return
    status = json.loads(host.read("sh", "-c", _STATUS, "sh", "etcdutl", _SNAPSHOT, timeout=_TIMEOUT).stdout)
    try:
        pair = ((authorities, host.download(_AUTHORITIES)), (file, host.download(_SNAPSHOT)))
        write_private_pair(pair)
    except OSError as error:
        raise UsageError(f"--to: {file}: {error.strerror}; make room, or name another file") from None
    finally:
        host.change("remove the snapshot there", "rm", "-f", "--", _SNAPSHOT, _AUTHORITIES)
    keys, revision, size = status["totalKey"], status["revision"], file.stat().st_size
    host.notes.append(
        f"{file}: {keys} keys at revision {revision}, {size} bytes; {authorities}: the authorities"
    )


def authorities_file(file: Path) -> Path:
    """Return the file of the authorities beside the snapshot *file*."""
    return file.with_name(f"{file.name}.pki.tar")


def restore(host: Host, data: bytes, port: int, now: float) -> None:
    """Replace the data of etcd by the snapshot *data*: what was written since is lost.

    The data before is kept in a directory named for *now* (seconds since 1970). The
    member begins a cluster of its own; other control planes must have been reset.
    """
    node = host.node
    if not exists(host, ADMIN):
        host.fail(
            "has no cluster", "run kubernetes.init first, with the authorities of the backup in its place"
        )
    snapshot = f"{_DIRECTORY}/{hashlib.sha256(data).hexdigest()[:16]}.db"
    kept = f"{_DIRECTORY}/replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    host.change(f"make {_DIRECTORY}", "install", "-d", "-m", "700", _DIRECTORY)
    host.upload(f"upload the snapshot ({len(data)} bytes)", data, snapshot)
    if not host.dry_run:  # a damaged file is found before anything stops
        host.read("sh", "-c", _STATUS, "sh", "etcdutl", snapshot, timeout=_TIMEOUT)
        host.notes.append(f"the data before is in {kept}: remove it when all is well")
    argv = ("sh", "-c", _RESTORE, "sh", "etcdutl", node.name, f"https://{node.mesh}:2380", snapshot, kept)
    while_stopped(
        host, "replace the data of etcd, and restart the static pods", port, *argv, timeout=_TIMEOUT
    )
    # The cache of kubelet and of controllers may be newer than the snapshot.
    host.change("restart kubelet", "systemctl", "restart", "kubelet.service")
    host.change("remove the snapshot there", "rm", "-f", "--", snapshot)
    if not host.dry_run:
        wait_ready(host, port)


def joined(session: Session, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Return the names of *nodes* that run etcd; raise HostError for one that cannot be asked."""
    found = read_all(session, nodes, lambda host: exists(host, f"{MANIFESTS}/etcd.yaml"))
    for one in found.values():
        if isinstance(one, PipelineError):
            raise HostError(f"{one}; or take it out of nodes.toml if it is lost")
    return tuple(name for name, one in found.items() if one)


def write_private_pair(pair: Sequence[tuple[Path, bytes]]) -> None:
    """Write new files that only their owner may read: all of *pair* or, with an OSError, none."""
    with ExitStack() as undo:
        for file, data in pair:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            undo.callback(file.unlink)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
        undo.pop_all()
