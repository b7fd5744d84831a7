"""Start everything in the namespaces of a cluster, with the seconds of each step.

    python -m tests.cluster.start [STEP]     inside; STEP is the last one, "users" without it

Writes the seconds to timings.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from tests.cluster import (
    addons,
    browser,
    control_plane,
    encrypted_secrets,
    flux,
    members,
    network,
    node,
    pki,
    services,
    site,
)
from tests.cluster.layout import Layout, layout

STEPS: dict[str, Callable[[Layout], None]] = {
    "network": network.create,
    "keys": pki.create,
    "browser": browser.trust_edge,
    "services": services.start,
    "images": addons.write_images,
    "public images": site.push_public_images,
    "control plane": control_plane.start,
    "nodes": node.start_all,
    "DNS": addons.start_dns,
    "policies": addons.enforce_policies,
    "volumes": node.make_volumes,
    "checkout": site.check_out,
    "Flux": flux.start,
    "Secrets": encrypted_secrets.commit_all,
    "first release": lambda there: site.publish(there) and None,
    "bootstrap": flux.bootstrap,
    "live": site.wait_until_live,
    "users": members.create_users,
}


def start(there: Layout, last: str = "users") -> None:
    """Run the steps up to *last*."""
    timings: dict[str, float] = {}
    for name, step in STEPS.items():
        begun = time.monotonic()
        step(there)
        timings[name] = round(time.monotonic() - begun, 2)
        print(f"{timings[name]:7.1f} s  {name}", file=sys.stderr, flush=True)
        (there.base / "timings.json").write_text(json.dumps(timings))
        if name == last:
            break
    print(f"{sum(timings.values()):7.1f} s  in all", file=sys.stderr, flush=True)


if __name__ == "__main__":
    start(layout(), *sys.argv[1:])
