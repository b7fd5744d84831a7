"""Pods and a Service under load, in the cluster of the tests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.nodes.e2e.conftest import ClusterOperator
from tests.nodes.e2e.images import WEB

NODE_PORT = 30080
_MANIFEST = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "tolerations": [{"operator": "Exists", "key": "slow"}],
                        "containers": [{"name": "web", "image": WEB, "imagePullPolicy": "Never"}],
                        "affinity": {
                            "podAntiAffinity": {
                                "preferredDuringSchedulingIgnoredDuringExecution": [
                                    {
                                        "weight": 100,
                                        "podAffinityTerm": {
                                            "topologyKey": "kubernetes.io/hostname",
                                            "labelSelector": {"matchLabels": {"app": "web"}},
                                        },
                                    }
                                ]
                            }
                        },
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {
                "type": "NodePort",
                "selector": {"app": "web"},
                "ports": [{"port": 80, "targetPort": 8080, "nodePort": NODE_PORT}],
            },
        },
    ],
}
# Requests at 20 a second until the file goes away; prints the number of all, and of those that failed.
_LOAD = """all=0; failed=0
while [ -e "$2" ]; do
  all=$((all + 1))
  curl -sf -o /dev/null --max-time 2 "$1" || failed=$((failed + 1))
  sleep 0.05
done
echo "$all $failed"
"""


def start(operator: ClusterOperator) -> None:
    """Run two pods on two nodes behind a Service, and wait for them."""
    machine = operator.lab.machines["n1"]
    (machine.directory / "root" / "root").mkdir(exist_ok=True)
    text = json.dumps(_MANIFEST).replace("'", "")
    machine.run("sh", "-c", f"printf %s '{text}' > /run/web.json")
    operator.kubectl("apply", "-f", "/run/web.json")
    operator.kubectl("rollout", "status", "deployment/web", "--timeout=15s", check=False)
    wait(operator, 2)


def wait(operator: ClusterOperator, count: int, seconds: float = 180) -> dict[str, str]:
    """Wait until *count* pods of web are ready; return the address of each by its node."""
    deadline = time.monotonic() + seconds
    while True:
        items = json.loads(operator.kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
        ready = [
            one
            for one in items
            if "deletionTimestamp" not in one["metadata"]
            and any(
                c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", ())
            )
        ]
        if len(items) == len(ready) == count:
            return {one["spec"]["nodeName"]: one["status"]["podIP"] for one in ready}
        assert time.monotonic() < deadline, operator.kubectl("get", "pods,events", "-A", "-o", "wide")
        time.sleep(2)


@contextmanager
def load(operator: ClusterOperator, name: str, url: str) -> Iterator[list[int]]:
    """Send 20 requests a second from a machine meanwhile; fill the list with all, and those that failed."""
    machine, flag = operator.lab.machines[name], "/run/load"
    machine.run("touch", flag)
    process = subprocess.Popen(
        machine.argv("sh", "-c", _LOAD, "sh", url, flag), stdout=subprocess.PIPE, text=True
    )
    counts: list[int] = []
    try:
        time.sleep(1)
        yield counts
    finally:
        machine.run("rm", "-f", flag)
        output, _ = process.communicate(timeout=30)
        counts += [int(one) for one in output.split()]
