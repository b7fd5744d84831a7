"""sshd: keys from the inventory alone, no passwords, no root.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.render.ssh import ssh_files
from nodes.runs import Session
from nodes.tasks.guard import Guarded, write_guarded
from nodes.tasks.system import ensure_service, write_file


def apply(host: Host, session: Session) -> None:
    """Write the keys and the configuration; the old one returns unless a new connection succeeds."""
    keys, config = ssh_files(session.inventory, host.node)
    write_file(host, keys)
    # sshd reads its configuration after `reload` has returned: a connection at once would test the old one.
    script = "systemctl reload ssh.service && sleep 1"
    guarded = Guarded("sshd", config, ("sshd", "-t", "-f"), ("sh", "-c", script), script)
    write_guarded(session, host, guarded)
    ensure_service(host, "ssh.service")
