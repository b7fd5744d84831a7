"""As much of a Kubernetes API server as the real helm needs: install, upgrade, test, roll back.

No cluster runs where these tests do. Paths, verbs and lists are those of "Kubernetes API Concepts" and of
"Authorization" ("Determine the request verb"; an apply that makes an object needs `create` too). Applying is
that of "Server-Side Apply": who applies a field owns it; a field that its last owner leaves out is removed;
whoever changes a value by another way owns it alone. A list is one field here, as an atomic one is. A
Deployment without `replicas` gets 1. Nothing runs: pods succeed and Deployments are available at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.api_documents import KINDS, PROTOBUF, Object, discovery, secret
from tests.support import fast_yaml

Fields = frozenset[tuple[str, ...]]  # paths of leaves
Request = tuple[str, str, str]  # verb, API group, resource


@dataclass
class StoredObject:
    """An object, and which manager owns which of its fields."""

    body: Object
    owned: dict[tuple[str, str], Fields]  # (manager, subresource) -> fields

    def shown(self) -> Object:
        body = deepcopy(self.body)
        body["metadata"]["managedFields"] = [
            {"manager": manager, "fieldsType": "FieldsV1", "fieldsV1": _nested(fields),
             **({"operation": "Update", "subresource": sub} if sub else {"operation": "Apply"})}
            for (manager, sub), fields in self.owned.items()
        ]  # fmt: skip
        return body


@dataclass
class ApiServer:
    """The stored objects of the API server, and its requests."""

    port: int = 0
    objects: dict[tuple[str, str], StoredObject] = field(
        default_factory=dict
    )  # (resource, name), of one namespace
    requests: set[Request] = field(default_factory=set)
    lock: RLock = field(default_factory=RLock, repr=False)
    clock: int = 1  # resourceVersion

    def replicas(self, name: str) -> int:
        """Return the number of pods that the Deployment *name* requires."""
        return int(self.objects["deployments", name].body["spec"]["replicas"])

    def scale(self, name: str, replicas: int, manager: str) -> None:
        """Set the subresource `scale`, as `kubectl scale` and autoscalers do; who changes a value owns it."""
        with self.lock:
            one = self.objects["deployments", name]
            path = ("spec", "replicas")
            if one.body["spec"]["replicas"] != replicas:
                one.body["spec"]["replicas"] = replicas
                one.owned = {who: fields - {path} for who, fields in one.owned.items()}
                one.owned[manager, "scale"] = frozenset({path})

    def hand_over(self, name: str) -> None:
        """Make another manager than Helm own the number of pods of the Deployment *name*, too."""
        same = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": self.replicas(name)}}
        self.apply("deployments", name, same, "handover")

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here into *folder*."""
        file = folder / "kubeconfig"
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "site"}}],
        }))  # fmt: skip
        return file

    def apply(self, resource: str, name: str, wanted: Object, manager: str) -> Object:
        """Apply *wanted* by server-side apply with force."""
        with self.lock:
            one = self.objects.get((resource, name))
            if one is None:
                head = {
                    "apiVersion": wanted["apiVersion"],
                    "kind": wanted["kind"],
                    "metadata": {"name": name},
                }
                one = self.objects[resource, name] = StoredObject(head, {})
            fields = _leaves(wanted)
            others = frozenset(
                path for who, paths in one.owned.items() if who != (manager, "") for path in paths
            )
            for path in one.owned.get((manager, ""), frozenset()) - fields - others:
                _remove(one.body, path)
            for path in fields:
                if _get(one.body, path) != _get(wanted, path):
                    one.owned = {who: paths - {path} for who, paths in one.owned.items()}
                _set(one.body, path, _get(wanted, path))
            one.owned[manager, ""] = fields
            return self._kept(resource, one)

    def put(self, resource: str, name: str, body: Object, manager: str) -> Object:
        with self.lock:
            one = self.objects[resource, name] = StoredObject(body, {(manager, ""): _leaves(body)})
            return self._kept(resource, one)

    def _kept(self, resource: str, one: StoredObject) -> Object:
        self.clock += 1
        one.body["metadata"] |= {"uid": "0", "resourceVersion": str(self.clock), "namespace": "site"}
        if resource == "deployments":
            pods = one.body["spec"].setdefault("replicas", 1)
            counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
            conditions = [done, {"type": "Available", "status": "True"}]
            one.body["metadata"]["generation"] = 1
            one.body["status"] = {
                "observedGeneration": 1,
                "conditions": conditions,
                **dict.fromkeys(counts, pods),
            }
        elif resource == "jobs":
            complete = {"type": "Complete", "status": "True"}
            one.body["status"] = {"succeeded": 1, "conditions": [complete]}
        elif resource == "persistentvolumeclaims":
            one.body["status"] = {"phase": "Bound"}
        elif resource == "pods":
            one.body["status"] = {"phase": "Succeeded"}
        return one.shown()


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Fields:
    if path in {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("status",)}:
        return frozenset()
    if not isinstance(value, dict) or (not value and path):
        return frozenset({path})
    return frozenset(leaf for key, one in value.items() for leaf in _leaves(one, (*path, key)))


def _get(body: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _set(body: Object, path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        body = body.setdefault(key, {})
    body[path[-1]] = value


def _remove(body: Object, path: tuple[str, ...]) -> None:
    parent = _get(body, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _nested(fields: Fields) -> Object:
    nested: Object = {}
    for path in fields:
        _set(nested, tuple(f"f:{key}" for key in path), {})
    return nested


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _read(self) -> Object:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if data.startswith(PROTOBUF):
            return secret(data) if self.command in ("POST", "PUT") else {}
        found = fast_yaml.load(data or b"{}")  # an apply is sent as YAML, and JSON is YAML
        return found if isinstance(found, dict) else {}

    def _send(self, body: Object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: int, reason: str) -> None:
        self._send({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
                    "message": f"{self.path}: {reason}", "code": status}, status)  # fmt: skip

    def _respond(self) -> None:
        api, url = self.server.api, urlsplit(self.path)
        version, _, rest = (
            url.path.removeprefix("/apis/").removeprefix("/api/").partition("/namespaces/site/")
        )
        resource, _, name = rest.partition("/")
        kind = KINDS.get(version, {}).get(resource)
        body, query = self._read(), parse_qs(url.query)
        if not kind:
            found = discovery(url.path) if self.command == "GET" else None
            self._send(found) if found else self._refuse(404, "NotFound")
            return
        group, manager = version.rpartition("/")[0], query.get("fieldManager", ["helm"])[0]
        there = api.objects.get((resource, name)) if name else None
        method = self.command
        if method == "GET":
            verb = "get" if name else ("watch" if "watch" in query else "list")
        else:
            verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
        api.requests.add((verb, group, resource))
        if method == "PATCH" and not there:
            api.requests.add(("create", group, resource))
        rows = [one.shown() for (found, _), one in sorted(api.objects.items()) if found == resource]
        rows = [one for one in rows if _selected(one, query)]
        if verb == "watch":
            self._watch(rows, {"apiVersion": version, "kind": kind}, initial="sendInitialEvents" in query)
        elif verb == "list":
            head = {
                "kind": f"{kind}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": str(api.clock)},
            }
            self._send(head | {"items": rows})
        elif method == "POST":
            self._send(api.put(resource, body["metadata"]["name"], body, manager), 201)
        elif method == "PATCH" and "apply-patch" in self.headers["Content-Type"]:
            self._send(api.apply(resource, name, body, manager))
        elif not there:
            self._refuse(404, "NotFound")
        elif method == "PUT":
            self._send(api.put(resource, name, body, manager))
        elif method == "DELETE":
            with api.lock:
                del api.objects[resource, name]
            self._send({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        elif method == "GET":
            self._send(there.shown())
        else:
            self._refuse(415, "UnsupportedMediaType")

    def _watch(self, rows: list[Object], head: Object, *, initial: bool) -> None:
        """Send what is there ("Streaming lists" in the API Concepts); nothing changes by itself."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if initial:
            end = {"resourceVersion": str(self.server.api.clock),
                   "annotations": {"k8s.io/initial-events-end": "true"}}  # fmt: skip
            events = [{"type": "ADDED", "object": one} for one in rows]
            for event in [*events, {"type": "BOOKMARK", "object": head | {"metadata": end}}]:
                self.wfile.write(json.dumps(event).encode() + b"\n")
        self.wfile.flush()
        self.connection.settimeout(30)
        try:
            self.rfile.read(1)  # until the client goes
        except OSError:
            return

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_PATCH(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def _selected(one: Object, query: dict[str, list[str]]) -> bool:
    labels = one["metadata"].get("labels", {})
    pairs = [part.split("=", 1) for part in query.get("labelSelector", [""])[0].split(",") if "=" in part]
    named = [part.split("=", 1)[1] for part in query.get("fieldSelector", []) if "metadata.name=" in part]
    return all(labels.get(key) == value for key, value in pairs) and one["metadata"]["name"] in (
        named or [one["metadata"]["name"]]
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: ApiServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: helm goes away in the middle of a watch."""


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """Run such an API server on 127.0.0.1 until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.api = ApiServer(port=server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
