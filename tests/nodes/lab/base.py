"""The root that all machines of the lab share: ``python -m tests.nodes.lab.base`` makes it, as root.

Writes out/nodes/base-<digest of the packages>. Starts mmdebstrap. Network: Debian's mirror.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from pipelines.image.debian_mirror import apt_proxies, find_mirror
from tests.support.project import ROOT

# What Debian's installer leaves, and what the tasks install by apt, which reaches no mirror from the lab.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iputils-ping", "curl"),
    *("ca-certificates", "systemd-timesyncd", "unattended-upgrades"),
    *("nftables", "wireguard-tools", "wireguard-go", "nginx", "openssl", "certbot"),
    *("postfix", "dovecot-imapd", "dovecot-lmtpd", "opendkim", "opendkim-tools"),
    *("nsd", "ldnsutils", "bind9-dnsutils"),
    *("pebble", "python3-dkim"),  # for the tests: an ACME server, and a check of signatures
)
_USER = "deploy"
_SETUP = f"""set -eu
useradd --create-home --shell /bin/bash {_USER}
printf '{_USER} ALL=(ALL:ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/{_USER}
systemctl --quiet disable postfix.service dovecot.service opendkim.service
systemctl --quiet disable nginx.service nftables.service nsd.service
systemctl --quiet mask systemd-modules-load.service  # the machine that tests has the modules
rm -f /etc/ssh/ssh_host_* /etc/resolv.conf
: > /etc/machine-id
apt-get clean
rm -rf /var/lib/apt/lists/*
"""


def base_directory(packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return where the base with *packages* is, or is made."""
    digest = hashlib.sha256(" ".join([*packages, _SETUP]).encode()).hexdigest()[:12]
    return ROOT / "out" / "nodes" / f"base-{digest}"


def make_base(packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return the base with *packages*, and make it where it is missing."""
    place = base_directory(packages)
    if place.exists():
        return place
    staging = place.with_suffix(".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.parent.mkdir(parents=True, exist_ok=True)
    include = f"--include={','.join(packages)}"
    setup = f'--customize-hook=chroot "$1" sh -c {shlex.quote(_SETUP)}'
    options = ("--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", include, setup)
    argv = ["mmdebstrap", *options, "trixie", str(staging), find_mirror("").main]
    subprocess.run(argv, check=True, env={**os.environ, **apt_proxies()})
    return staging.rename(place)


if __name__ == "__main__":
    print(make_base())
