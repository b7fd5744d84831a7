"""The objects of a cluster that has all prerequisites of the site "full" of tests/flux/sites.py.

Fields as in the reference of Kubernetes' API; Flux's labels as in its gotk-components.yaml.
"""

from __future__ import annotations

from tests.fakes.cluster_objects import having, one
from tests.fakes.kubernetes_api import Object

ANY = {"app.kubernetes.io/version": "v2.9.4", "app.kubernetes.io/part-of": "flux"}
SECRETS = {  # namespace and name -> keys
    ("flux-system", "receiver"): ("token",),
    ("site", "site-keys"): ("secret-keys", "encryption-keys"),
    ("site", "mail"): ("user", "password"),
    ("database", "backup"): ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLONE_AWS_ACCESS_KEY_ID",
                             "CLONE_AWS_SECRET_ACCESS_KEY"),
    ("site", "charts"): ("username", "password"),
    ("site", "images"): (".dockerconfigjson",),
    ("flux-system", "alerts"): ("address",),
}  # fmt: skip
VALUE = "YSBzZWNyZXQgb2YgdGhlIGNsdXN0ZXI="  # "a secret of the cluster"


def node(name: str, *, ready: str = "True", **spec: object) -> Object:
    """Return a node."""
    status = having("Ready", ready) | {"nodeInfo": {"kubeletVersion": "v1.35.4"}}
    return one("v1", "Node", name, spec=spec, status=status)


def daemonset(name: str, ready: int = 3, *args: str) -> Object:
    """Return a DaemonSet of kube-system on three nodes."""
    template = {"spec": {"containers": [{"name": "agent", "args": list(args)}]}}
    return one("apps/v1", "DaemonSet", name, "kube-system", spec={"template": template},
               status={"desiredNumberScheduled": 3, "numberReady": ready})  # fmt: skip


def secret(namespace: str, name: str, *keys: str) -> Object:
    """Return a Secret."""
    return one("v1", "Secret", name, namespace, data=dict.fromkeys(keys, VALUE))


def controller(name: str, *, available: str = "True", version: str = "v2.9.4") -> Object:
    """Return a controller of Flux."""
    labels = {**ANY, "app.kubernetes.io/version": version}
    return one("apps/v1", "Deployment", name, "flux-system", labels=labels, spec={},
               status=having("Available", available))  # fmt: skip


NAMES = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
DNS = {
    "clusterIP": "10.96.0.10",
    "selector": {"k8s-app": "kube-dns"},
    "ports": [{"name": "dns", "port": 53, "targetPort": 53}, {"name": "metrics", "port": 9153}],
}
BEFORE: list[Object] = [  # `flux bootstrap`
    *(node(f"node{number}") for number in (1, 2, 3)),
    one("storage.k8s.io/v1", "StorageClass", "fast",
        annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
    daemonset("calico-node"),
    one("v1", "Service", "kube-dns", "kube-system", labels={"k8s-app": "kube-dns"}, spec=DNS),
    one("v1", "Pod", "coredns-1", "kube-system", labels={"k8s-app": "kube-dns"}),
]  # fmt: skip
COMPLETE: list[Object] = [
    *BEFORE,
    *(controller(name) for name in NAMES),
    one("apiextensions.k8s.io/v1", "CustomResourceDefinition", "postgresqls.acid.zalan.do",
        status=having("Established")),
    *(secret(*where, *keys) for where, keys in SECRETS.items()),
]  # fmt: skip


def without(objects: list[Object], *names: str) -> list[Object]:
    """Return *objects* without those of these names."""
    return [each for each in objects if each["metadata"]["name"] not in names]


def changed(objects: list[Object], name: str, **more: object) -> list[Object]:
    """Return *objects* with other fields of the one named *name*."""
    return [each | more if each["metadata"]["name"] == name else each for each in objects]
