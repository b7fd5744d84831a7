"""Debian 13 machines with systemd and sshd, in network namespaces: systemd-nspawn containers."""
