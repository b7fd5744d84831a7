"""What `status` reads from a mail server: its programs, its queue, and mailboxes that nobody can open.

Network: the machine. No writes.
"""

from __future__ import annotations

from nodes.render.mail import PASSWORDS
from nodes.tasks.health import Probe

_LONG = 100  # mails that wait: a receiver refuses them, or somebody sends too many
_SERVICES = ("postfix", "dovecot", "opendkim")
# The number of mails that wait; then each service with its state; then the addresses that have a password.
_STATE = """passwords="$1"; shift
cd /var/spool/postfix 2>/dev/null || true
find maildrop incoming active deferred hold -type f 2>/dev/null | wc -l
for one; do echo "$one $(systemctl is-active "$one.service")"; done
[ ! -e "$passwords" ] || cut -d: -f1 -- "$passwords"
"""


def read_mail(probe: Probe) -> None:
    """Read the length of the queue; find a service that does not run, and mailboxes without a password."""
    if not probe.host.node.has("mail"):
        return
    queue, *lines = probe.host.read("sh", "-c", _STATE, "sh", PASSWORDS, *_SERVICES).stdout.splitlines()
    states = dict(line.split() for line in lines[: len(_SERVICES)])
    known = lines[len(_SERVICES) :]
    probe.values["mail_queue"] = int(queue)
    if int(queue) > _LONG:
        probe.faults.append(f"{queue} mails wait in its queue: run mailq there")
    probe.faults += [
        f"{name} does not run: mail.apply" for name, state in states.items() if state != "active"
    ]
    locked = [one.address for one in probe.inventory.mailboxes if one.address not in known]
    if locked:
        probe.faults.append(f"no password for {', '.join(locked)}: mail.password")
