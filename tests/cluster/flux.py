"""Flux's controllers, as processes in the network of the host, and what `flux bootstrap` leaves in a cluster.

Runs inside the namespaces.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from tests.cluster import processes, programs
from tests.cluster.edge import WEBHOOK_PORT
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import GIT, Layout

EVENTS = "127.0.0.1:9690"
ARTIFACTS = "127.0.0.1:9790"
# As flux/clusters/components/controllers sets it.
KUSTOMIZE = ("--requeue-dependency=2s", "--feature-gates=CancelHealthCheckOnNewRevision=true")


def arguments(name: str, storage: str) -> list[str]:
    """Return the arguments of the controller *name*: "source", "kustomize", "helm" or "notification"."""
    port = 9300 + 10 * list(programs.FLUX).index(name)
    own = {
        "source": [
            f"--storage-path={storage}",
            f"--storage-addr={ARTIFACTS}",
            f"--storage-adv-addr={ARTIFACTS}",
        ],
        "kustomize": [*KUSTOMIZE],
        "helm": [],
        "notification": [f"--receiverAddr=127.0.0.1:{WEBHOOK_PORT}"],
    }
    return [
        f"--metrics-addr=127.0.0.1:{port}",
        f"--health-addr=127.0.0.1:{port + 1}",
        f"--events-addr={EVENTS if name == 'notification' else f'http://{EVENTS}'}",
        "--enable-leader-election=false",
        "--log-encoding=json",
        "--watch-all-namespaces",
        *own[name],
    ]


def install_crds(there: Layout) -> None:
    """Install Flux's CRDs, or replace those of an older version."""
    kubectl = Kubectl(there)
    crds = [program.directory(there.cache) / "crds" for program in programs.FLUX.values()]
    files = [word for crd in crds for word in ("-f", str(crd))]
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)


def start_controllers(there: Layout) -> None:
    """Start the controllers."""
    storage = there.run / "flux"
    storage.mkdir(exist_ok=True)
    for name, program in programs.FLUX.items():
        argv = [str(program.program(there.cache)), *arguments(name, str(storage))]
        processes.start(there, f"{name}-controller", argv, extra={"RUNTIME_NAMESPACE": "flux-system"})


def remove_artifacts(there: Layout) -> None:
    """Remove what source-controller has fetched: a new pod begins with an empty directory."""
    shutil.rmtree(there.run / "flux", ignore_errors=True)


def start(there: Layout) -> None:
    """Install the CRDs, and start the controllers."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
    Kubectl(there).apply(namespace)
    install_crds(there)
    start_controllers(there)


def bootstrap_manifests(environment: str = "production") -> list[dict[str, Any]]:
    """Return the source and the root Kustomization that `flux bootstrap` makes."""
    source = {"kind": "GitRepository", "name": "flux-system"}
    metadata = {"name": "flux-system", "namespace": "flux-system"}
    return [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": {"interval": "1m", "ref": {"branch": "main"}, "url": f"https://{GIT}/site.git"},
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": metadata,
            "spec": {
                "interval": "10m",
                "path": f"./flux/clusters/{environment}",
                "prune": True,
                "sourceRef": source,
            },
        },
    ]


def bootstrap(there: Layout) -> None:
    """Point Flux at Git."""
    Kubectl(there).apply(*bootstrap_manifests())


def reconcile(kubectl: Kubectl, namespace: str, kind: str, name: str, *, reset: bool = False) -> None:
    """Do what `flux reconcile` does, with `--reset` that of *reset*; return once the controller has begun.

    The annotations are in Flux's documentation ("Triggering a reconcile", "Resetting remediation retries").
    """
    now = f"{time.time():.3f}"
    words = [
        f"reconcile.fluxcd.io/requestedAt={now}",
        *([f"reconcile.fluxcd.io/resetAt={now}"] if reset else []),
    ]
    kubectl("-n", namespace, "annotate", "--overwrite", kind, name, *words)
    handled = f"--for=jsonpath={{.status.lastHandledReconcileAt}}={now}"
    kubectl("-n", namespace, "wait", kind, name, handled, "--timeout=280s")
