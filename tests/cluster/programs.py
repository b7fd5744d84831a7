"""Build the pinned Go programs of a cluster once, into a cache outside of the checkout.

Reads go/*/ beside this file. Writes into the cache. Network: the Go module proxy, for what is not built yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.cluster.layout import HERE

SOURCES = HERE / "go"
GO_VERSION = "SITE_CLUSTER_GO"
_VERSION = "k8s.io/component-base/version"
BUILD_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}


def kubernetes_version(go_mod: str) -> str:
    """Return the version of Kubernetes that *go_mod* pins: "v1.35.4"."""
    found = re.search(r"k8s\.io/kubernetes (v[\d.]+)", go_mod)
    assert found, "the go.mod does not pin k8s.io/kubernetes"
    return found[1]


@dataclass(frozen=True)
class Program:
    """A Go program, with files of its module that the cluster needs too."""

    name: str  # its directory in `sources`
    package: str = "."
    variables: Mapping[str, str] = field(default_factory=dict)  # set by the linker
    module: str = ""  # whose files are copied
    files: Mapping[str, str] = field(default_factory=dict)  # path in the module: name in the cache
    sources: Path = SOURCES

    @property
    def source(self) -> Path:
        """The directory of its go.mod."""
        return self.sources / self.name

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of `go build`: the same bytes on every machine."""
        values = "".join(f" -X {name}={value}" for name, value in self.variables.items())
        return "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w{values}"

    def key(self, go_version: str) -> str:
        """Return the SHA-256 of all that decides its bytes."""
        digest = hashlib.sha256()
        for file in sorted(self.source.iterdir()):
            digest.update(f"{file.name}\n".encode() + file.read_bytes())
        digest.update(repr((go_version, self.package, self.flags, sorted(self.files.items()))).encode())
        return digest.hexdigest()

    def directory(self, store: Path) -> Path:
        """Return where it is in the cache *store*."""
        return store / f"{self.name}-{self.key(go_version())[:16]}"

    def program(self, store: Path) -> Path:
        """Return its executable."""
        return self.directory(store) / "program"


def kubernetes_program(name: str, sources: Path = SOURCES) -> Program:
    """Return the program *name* of *sources*, with the version of Kubernetes that its go.mod pins."""
    version = kubernetes_version((sources / name / "go.mod").read_text("utf-8"))
    major, minor = version.lstrip("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    values |= {"gitCommit": "module", "buildDate": "1970-01-01T00:00:00Z"}
    variables = {f"{_VERSION}.{key}": value for key, value in values.items()}
    return Program(name, variables=variables, sources=sources)


def _flux(name: str) -> Program:
    module = f"github.com/fluxcd/{name}-controller"
    return Program(name, module, module=module, files={"config/crd/bases": "crds"})


_ZALANDO = "github.com/zalando/postgres-operator"
PAUSE = Program("pause")
KUBERNETES = kubernetes_program("hyper")
KUBERNETES_NAMES = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
COREDNS = Program("coredns")
POLICIES = Program("kube-network-policies", "sigs.k8s.io/kube-network-policies/cmd")
FLUX = {name: _flux(name) for name in ("source", "kustomize", "helm", "notification")}
OPERATOR = Program(
    "postgres-operator", f"{_ZALANDO}/cmd", module=_ZALANDO, files={"charts/postgres-operator": "charts"}
)
PROGRAMS = (PAUSE, KUBERNETES, COREDNS, POLICIES, *FLUX.values(), OPERATOR)


@cache
def go_version() -> str:
    """Return "go1.26.8 linux amd64": version and platform, which a variable has in the namespaces."""
    return os.environ.get(GO_VERSION) or _go("env", "GOVERSION", "GOOS", "GOARCH").replace("\n", " ").strip()


def build_all(store: Path) -> None:
    """Build all programs that *store* does not hold."""
    for program in PROGRAMS:
        build(program, store)


def build(program: Program, store: Path) -> Path:
    """Return the executable in the cache *store*, built first if it is not there."""
    there = program.directory(store)
    if there.exists():
        return program.program(store)
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=f".{program.name}-") as folder:
        new = Path(folder, "new")
        new.mkdir()
        _compile(program, new / "program")
        _copy_files(program, new)
        new.rename(there)
    return program.program(store)


def _compile(program: Program, out: Path) -> None:
    """Run `go build`, with a line of progress every ten seconds."""
    begun = last = time.monotonic()
    print(f"building {program.name}", file=sys.stderr, flush=True)
    argv = ["go", "build", "-v", *program.flags, "-o", str(out), program.package]
    environ = os.environ | BUILD_ENVIRONMENT
    lines: list[str] = []
    with subprocess.Popen(
        argv, cwd=program.source, env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for line in process.stderr:
            lines.append(line)
            if time.monotonic() - last > 10:
                last = time.monotonic()
                print(
                    f"  {program.name}: {len(lines)} packages, {last - begun:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    if process.returncode:
        faults = "".join(lines[-20:])
        raise SystemExit(f"error: {program.source}: go build failed; fix this fault:\n{faults}")
    print(f"  {program.name}: done after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _copy_files(program: Program, new: Path) -> None:
    if not program.files:
        return
    module = Path(_go("list", "-m", "-f", "{{.Dir}}", program.module, cwd=program.source).strip())
    for source, name in program.files.items():
        shutil.copytree(module / source, new / name, copy_function=shutil.copyfile)
        for directory in (new / name).rglob("*"):
            directory.chmod(0o755 if directory.is_dir() else 0o644)  # those of the module cache are read-only


def _go(*words: str, cwd: Path | None = None) -> str:
    environ = os.environ | BUILD_ENVIRONMENT
    done = subprocess.run(["go", *words], cwd=cwd, env=environ, check=True, capture_output=True, text=True)
    return done.stdout
