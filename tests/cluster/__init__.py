"""A real Kubernetes of three nodes with a real Flux on one Debian machine, and the site on it.

`make cluster` starts it and `make e2e` runs the tests of this directory in it, as root. Everything runs in
namespaces of its own and ends with them; supervisor.py removes the rest. docs/cluster.md has a picture,
the replaced parts and the measured times.
"""
