"""Make the Secrets of a cluster, and rotate their keys.

Reads .sops.yaml, and the manifest of a rotation. Writes the one file that it is
given. Starts sops on request, with the secret on its standard input: never in its
arguments, never in a temporary file. No network.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.core.errors import Fault, PipelineError, SourceError, UsageError, suggest
from pipelines.core.files import write_atomic
from pipelines.tools import signing
from pipelines.tools.shell import run_program

RULES = ".sops.yaml"
SIGNERS = "flux/signers"  # public keys; `pipelines settings` passes them to Flux
_SOPS_TIMEOUT = 60  # seconds

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret of Kubernetes. Its values are in no representation of it."""

    name: str
    namespace: str
    values: dict[str, str] = field(repr=False)  # key -> value; a key set has one key a line
    type: str = "Opaque"


@dataclass(frozen=True, slots=True)
class SecretInput:
    """The credentials of an external service, which cannot be generated."""

    user: str = ""  # a name, or the id of an access key
    server: str = ""  # host of a registry
    value: str = field(default="", repr=False)  # password, access key or address


def secret_key(random: Random = secrets.token_bytes) -> str:
    """Return a value for Django's SECRET_KEY: 48 random bytes as 64 characters."""
    return base64.urlsafe_b64encode(random(48)).decode()


def encryption_key(random: Random = secrets.token_bytes) -> str:
    """Return a Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(random(32)).decode()


# The steps of a rotation; each is rolled out before the next, as old and new pods serve side by side.
# A new key is accepted (the last of its set), then used (the first); then the oldest is removed.
STEPS = ("introduce", "use", "retire")
KEY_SETS = {"secret-keys": secret_key, "encryption-keys": encryption_key}


def _keys(_: SecretInput) -> Secret:
    return Secret("site-keys", "site", {name: f"{key()}\n" for name, key in KEY_SETS.items()})


def _receiver(_: SecretInput) -> Secret:
    return Secret("receiver", "flux-system", {"token": secrets.token_hex(32)})


def _mail(given: SecretInput) -> Secret:
    return Secret("mail", "site", {"user": given.user, "password": given.value})


def _charts(given: SecretInput) -> Secret:
    return Secret("charts", "site", {"username": given.user, "password": given.value})


def _images(given: SecretInput) -> Secret:
    auth = base64.b64encode(f"{given.user}:{given.value}".encode()).decode()
    entry = {"username": given.user, "password": given.value, "auth": auth}
    text = json.dumps({"auths": {given.server: entry}})
    return Secret("images", "site", {".dockerconfigjson": text}, "kubernetes.io/dockerconfigjson")


def _backup(given: SecretInput) -> Secret:
    pair = {"AWS_ACCESS_KEY_ID": given.user, "AWS_SECRET_ACCESS_KEY": given.value}
    return Secret("backup", "database", pair | {f"CLONE_{name}": value for name, value in pair.items()})


def _authority(given: SecretInput) -> Secret:
    if "-----BEGIN CERTIFICATE-----" not in given.value or "PRIVATE KEY" in given.value:
        raise UsageError("ca: is not a file of certificates only; write certificates (PEM) to standard input")
    return Secret("ca", "site", {"ca.crt": given.value})


def _alerts(given: SecretInput) -> Secret:
    return Secret("alerts", "flux-system", {"address": given.value})


# name -> (its maker, the required fields of SecretInput)
KINDS: dict[str, tuple[Callable[[SecretInput], Secret], tuple[str, ...]]] = {
    "keys": (_keys, ()),
    "receiver": (_receiver, ()),
    "mail": (_mail, ("user", "value")),
    "charts": (_charts, ("user", "value")),
    "images": (_images, ("server", "user", "value")),
    "backup": (_backup, ("user", "value")),
    "ca": (_authority, ("value",)),
    "alerts": (_alerts, ("value",)),
}


def make_secret(kind: str, given: SecretInput) -> Secret:
    """Return the Secret of *kind*, one of KINDS; raise UsageError for a missing field of *given*."""
    maker, required = KINDS[kind]
    for name in required:
        if not getattr(given, name):
            fix = "write it to standard input" if name == "value" else f"add --{name}"
            raise UsageError(f"{kind}: its {name} is missing; {fix}")
    return maker(given)


def secret_manifest(secret: Secret) -> bytes:
    """Return *secret* as YAML, unencrypted; a key set has one key a line."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret.name, "namespace": secret.namespace},
        "type": secret.type,
        "stringData": secret.values,
    }
    return _to_yaml(body)


class _BlockDumper(yaml.SafeDumper):
    """Writes a multi-line string as a block."""


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_BlockDumper.add_representer(str, _represent_str)


def _to_yaml(body: dict[str, Any]) -> bytes:
    return yaml.dump(body, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True, width=10**6).encode()


def check_output(project: Path, out: Path, *, encrypted: bool) -> None:
    """Raise UsageError for an unencrypted Secret below flux/."""
    if not encrypted and out.resolve().is_relative_to((project / "flux").resolve()):
        raise UsageError(f"{out.name}: flux/ is published, and this Secret is not encrypted; add --sops")


def save_secret(out: Path, text: bytes, *, replace: bool = False) -> None:
    """Write *text* to *out*, readable by its owner only, and make its directory.

    With *replace*, an existing file is replaced in one rename; without, it is an
    error. Raises PipelineError.
    """
    try:
        if replace:
            write_atomic(out, text, mode=0o600, fsync=True)
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    except FileExistsError:
        raise PipelineError(f"{out}: exists already; remove it, or name another file") from None
    except OSError as error:
        raise PipelineError(f"{out}: cannot be written ({error.strerror}); name another file") from None


def signing_pair(project: Path, out: Path | None, name: str) -> Path:
    """Write a private key that signs charts and images to *out*, and return the path of its public key.

    The public key is in flux/signers/. The private key is readable by its owner only,
    and never printed. Raises UsageError without *out*, and for one below flux/.
    """
    if out is None:
        raise UsageError("signing: a private key is not printed; add --out FILE, outside of Git")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", name):
        raise UsageError(f"--name {name!r}: is not a name; write small letters, digits, dots and hyphens")
    check_output(project, out, encrypted=False)
    public = project / SIGNERS / f"{name}.pub"
    if public.exists():
        raise PipelineError(f"{SIGNERS}/{public.name}: exists already; name another key with --name")
    key = signing.generate_key()
    save_secret(out, key.pem())
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(key.public.pem())
    return public


def encrypt_secret(project: Path, text: bytes, name: str) -> bytes:
    """Return *text* encrypted by sops for the recipients in .sops.yaml of the file *name*.

    Raises SourceError for a .sops.yaml without recipients, ToolError when sops is missing or refuses.
    """
    _check_recipients(project)
    return run_program(
        ["sops", "--config", RULES, "encrypt", "--input-type", "yaml", "--output-type", "yaml",
         "--filename-override", name, "/dev/stdin"],
        stdin=text, timeout=_SOPS_TIMEOUT, cwd=project,
    )  # fmt: skip


def decrypt_secret(project: Path, text: bytes) -> bytes:
    """Return *text* decrypted; sops finds the age key as documented (SOPS_AGE_KEY_FILE)."""
    argv = ["sops", "decrypt", "--input-type", "yaml", "--output-type", "yaml", "/dev/stdin"]
    return run_program(argv, stdin=text, timeout=_SOPS_TIMEOUT, cwd=project)


def _check_recipients(project: Path) -> None:
    """Raise SourceError for a .sops.yaml without valid age recipients."""
    try:
        lines = (project / RULES).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        fix = "copy it from the repository that this site was forked from"
        raise SourceError([Fault(RULES, 0, "cannot be read", fix)]) from None
    rows = [(n, line.partition("age:")[2].strip()) for n, line in enumerate(lines, 1) if "age:" in line]
    fix = "run `age-keygen -o ../site.agekey`, and write the public key that it prints, age1…"
    faults = [
        Fault(RULES, number, "names no recipient", fix)
        for number, recipients in rows
        if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}(,\s*age1[02-9ac-hj-np-z]{58})*", recipients)
    ]
    if not rows:
        faults = [Fault(RULES, 0, "has no line age:", fix)]
    if faults:
        raise SourceError(faults)


def rotate_key(project: Path, name: str, key_set: str, file: Path, step: str) -> int:
    """Do one of ``STEPS`` with *key_set* in *file*; return how many keys it has then.

    *file* is the manifest of the Secret *name*, unencrypted or encrypted by sops,
    and is replaced atomically. Raises UsageError and PipelineError, never with a
    key in it.
    """
    if key_set not in KEY_SETS:
        raise UsageError(f"{key_set!r} is an unknown key set; {suggest(key_set, KEY_SETS)}")
    try:
        text = file.read_bytes()
    except OSError as error:
        raise PipelineError(f"{file}: cannot be read ({error.strerror}); name the Secret's file") from None
    encrypted = "sops" in _parse_manifest(file, text)
    check_output(project, file, encrypted=encrypted)
    body = _parse_manifest(file, decrypt_secret(project, text) if encrypted else text)
    found = _section(body, "metadata").get("name")
    old = _section(body, "stringData").get(key_set)
    if body.get("kind") != "Secret" or found != name:
        raise PipelineError(f"{file}: holds {found!r}, not the Secret {name!r}; name the file that has it")
    if not isinstance(old, str):
        raise PipelineError(f"{file}: stringData has no {key_set}; make the Secret with `secrets keys`")
    body["stringData"][key_set] = "".join(f"{key}\n" for key in _rotated(file, key_set, old, step))
    new = _to_yaml(body)
    if encrypted:
        new = encrypt_secret(project, new, _rule_path(project, file))
    save_secret(file.resolve(), new, replace=True)  # of a symbolic link its target, so that the link stays
    return len(body["stringData"][key_set].split())


def _rotated(file: Path, key_set: str, old: str, step: str) -> list[str]:
    keys = [key for key in re.split(r"[,\s]+", old) if key]
    if step == "introduce":
        return [*keys, KEY_SETS[key_set]()]
    if len(keys) < 2:
        raise PipelineError(
            f"{file}: {key_set} has one key, which is still needed; introduce another, and roll out"
        )
    return [keys[-1], *keys[:-1]] if step == "use" else keys[:-1]


def _parse_manifest(file: Path, text: bytes) -> dict[str, Any]:
    """Return the one document of *text*; the parser's message is dropped, since it may show a key."""
    try:
        body = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise PipelineError(f"{file}: is not one manifest in YAML; name the file that `secrets` wrote")
    return body


def _section(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _rule_path(project: Path, file: Path) -> str:
    """Return the path of *file* that the rules of .sops.yaml match."""
    full, root = file.resolve(), project.resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name


def encrypted_secret(project: Path, text: bytes, out: Path | None) -> bytes:
    """Return *text* encrypted for *out*, or for flux/secrets on standard output."""
    return encrypt_secret(project, text, _rule_path(project, out) if out else "flux/secrets/secret.yaml")
