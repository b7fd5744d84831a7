#!/bin/sh
# Boot one machine of the lab. Arguments: name, directory, base, file of its network namespace, options.
# Run in a mount namespace of its own, so that the overlay goes away with the machine.
set -eu
name="$1" directory="$2" base="$3" netns="$4"
shift 4
# One cgroup for each controller of version 1: systemd makes it the root of the machine's own tree.
for controller in /sys/fs/cgroup/*/; do
  [ -f "$controller/cgroup.procs" ] || continue
  group="$controller/lab-$name"
  mkdir -p "$group"
  for key in cpuset.cpus cpuset.mems; do
    if [ -f "$controller/$key" ] && [ -f "$group/$key" ]; then cat "$controller/$key" > "$group/$key"; fi
  done
  echo $$ > "$group/cgroup.procs"
done
mount -t overlay overlay -o "lowerdir=$base,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
# Every capability: WireGuard and nftables belong to the machine's own network namespace.
exec systemd-nspawn --quiet --register=no --keep-unit --machine="$name" --directory="$directory/root" --boot \
  --network-namespace-path="$netns" --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
  --capability=all --bind=/dev/net/tun "$@"
