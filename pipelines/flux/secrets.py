"""Make the Secrets that a cluster needs, and rotate the keys among them.

Reads .sops.yaml, and a manifest that is rotated. Writes the one file that it is
told to. Starts sops where that is asked for, with what is secret on its standard
input: never among its arguments, never in a file beside. No network.
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
from pipelines.tools import signing
from pipelines.tools.shell import run_program

RULES = ".sops.yaml"
SIGNERS = "flux/signers"  # public keys; `pipelines settings` hands them to Flux
_PATIENCE = 60  # seconds for sops

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret of Kubernetes. What it holds is in no representation of it."""

    name: str
    namespace: str
    values: dict[str, str] = field(repr=False)  # key -> value; several keys of a set: one a line
    type: str = "Opaque"


@dataclass(frozen=True, slots=True)
class SecretInput:
    """What cannot be made at random: a login somewhere else."""

    user: str = ""  # a name, or the id of an access key
    server: str = ""  # host of a registry
    value: str = field(default="", repr=False)  # password, access key or address


def secret_key(random: Random = secrets.token_bytes) -> str:
    """Return a text of 64 characters for Django's SECRET_KEY: 48 random bytes."""
    return base64.urlsafe_b64encode(random(48)).decode()


def encryption_key(random: Random = secrets.token_bytes) -> str:
    """Return a key of Fernet: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(random(32)).decode()


# How a key is changed while pods of before and after serve side by side: each step is rolled out before
# the next. A new key is believed (as the last of its set), then used (as the first); the last is forgotten.
STEPS = ("introduce", "use", "retire")
SETS = {"secret-keys": secret_key, "encryption-keys": encryption_key}


def _keys(_: SecretInput) -> Secret:
    return Secret("site-keys", "site", {name: f"{key()}\n" for name, key in SETS.items()})


def _receiver(_: SecretInput) -> Secret:
    return Secret("receiver", "flux-system", {"token": secrets.token_hex(32)})


def _mail(given: SecretInput) -> Secret:
    return Secret("mail", "site", {"user": given.user, "password": given.value})


def _charts(given: SecretInput) -> Secret:
    return Secret("charts", "site", {"username": given.user, "password": given.value})


def _images(given: SecretInput) -> Secret:
    login = base64.b64encode(f"{given.user}:{given.value}".encode()).decode()
    known = {given.server: {"username": given.user, "password": given.value, "auth": login}}
    text = json.dumps({"auths": known})
    return Secret("images", "site", {".dockerconfigjson": text}, "kubernetes.io/dockerconfigjson")


def _backup(given: SecretInput) -> Secret:
    pair = {"AWS_ACCESS_KEY_ID": given.user, "AWS_SECRET_ACCESS_KEY": given.value}
    return Secret("backup", "database", pair | {f"CLONE_{name}": value for name, value in pair.items()})


def _authority(given: SecretInput) -> Secret:
    if "-----BEGIN CERTIFICATE-----" not in given.value or "PRIVATE KEY" in given.value:
        raise UsageError(
            "ca: is not a file of certificates alone; write certificates (PEM) to standard input"
        )
    return Secret("ca", "site", {"ca.crt": given.value})


def _alerts(given: SecretInput) -> Secret:
    return Secret("alerts", "flux-system", {"address": given.value})


# name -> (how it is made, what must be given)
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
    """Return the Secret of *kind*, one of KINDS; raise UsageError when something for it is not given."""
    maker, needs = KINDS[kind]
    for need in needs:
        if not getattr(given, need):
            how = "write it on the standard input" if need == "value" else f"add --{need}"
            raise UsageError(f"{kind}: its {need} is missing; {how}")
    return maker(given)


def secret_manifest(secret: Secret) -> bytes:
    """Return *secret* as YAML, in clear; a set of keys has one a line."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret.name, "namespace": secret.namespace},
        "type": secret.type,
        "stringData": secret.values,
    }
    return _yaml(body)


class _Lines(yaml.SafeDumper):
    """Writes a text of several lines as several lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Lines.add_representer(str, _text)


def _yaml(body: dict[str, Any]) -> bytes:
    return yaml.dump(body, Dumper=_Lines, sort_keys=False, allow_unicode=True, width=10**6).encode()


def check_output(project: Path, out: Path, *, clear: bool) -> None:
    """Raise UsageError when a Secret must not be written to *out*."""
    if clear and out.resolve().is_relative_to((project / "flux").resolve()):
        raise UsageError(f"{out.name}: flux/ is published, and this would be in clear; add --sops")


def save_secret(out: Path, text: bytes, *, anew: bool = False) -> None:
    """Write *text* to *out*, readable by its owner alone, and make its directory.

    *anew* replaces what is there in one rename. Raises PipelineError.
    """
    target = out.with_name(f".{out.name}.new") if anew else out
    try:
        out.parent.mkdir(
            parents=True, exist_ok=True
        )  # flux/secrets/<environment> begins with its first Secret
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        if anew:
            os.replace(target, out)
    except FileExistsError:
        raise PipelineError(f"{target}: is there already; remove it, or name another file") from None
    except OSError as error:
        raise PipelineError(f"{target}: cannot be written ({error.strerror}); name another file") from None


def signing_pair(project: Path, out: Path | None, name: str) -> Path:
    """Write a private key that signs charts and images to *out*, and return the path of its public one.

    That is in flux/signers/. The private key is readable by its owner alone and is never printed. Raises
    UsageError without *out* and for a place that is published.
    """
    if out is None:
        raise UsageError("signing: a private key is not printed; add --out FILE, outside of Git")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", name):
        raise UsageError(f"--name {name!r}: is not a name; write small letters, digits, dots and hyphens")
    check_output(project, out, clear=True)
    public = project / SIGNERS / f"{name}.pub"
    if public.exists():
        raise PipelineError(f"{SIGNERS}/{public.name}: is there already; name another key with --name")
    key = signing.generate_key()
    save_secret(out, key.pem())
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(key.public.pem())
    return public


def encrypt_secret(project: Path, text: bytes, name: str) -> bytes:
    """Return *text* encrypted by sops for those whom .sops.yaml names for the file *name*.

    Raises SourceError when .sops.yaml names nobody yet, ToolError when sops is missing or refuses.
    """
    _recipients(project)
    return run_program(
        ["sops", "--config", RULES, "encrypt", "--input-type", "yaml", "--output-type", "yaml",
         "--filename-override", name, "/dev/stdin"],
        stdin=text, timeout=_PATIENCE, cwd=project,
    )  # fmt: skip


def decrypt_secret(project: Path, text: bytes) -> bytes:
    """Return *text* in clear; sops finds the key of age as its documentation says (SOPS_AGE_KEY_FILE)."""
    words = ["sops", "decrypt", "--input-type", "yaml", "--output-type", "yaml", "/dev/stdin"]
    return run_program(words, stdin=text, timeout=_PATIENCE, cwd=project)


def _recipients(project: Path) -> None:
    try:
        lines = (project / RULES).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        fix = "take the one of the repository that this site came from"
        raise SourceError([Fault(RULES, 0, "cannot be read", fix)]) from None
    named = [(n, line.partition("age:")[2].strip()) for n, line in enumerate(lines, 1) if "age:" in line]
    fix = "run `age-keygen -o ../site.agekey`, and write the public key that it prints, age1…"
    faults = [
        Fault(RULES, number, "names nobody to encrypt to", fix)
        for number, people in named
        if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}(,\s*age1[02-9ac-hj-np-z]{58})*", people)
    ]
    if not named:
        faults = [Fault(RULES, 0, "has no line age:", fix)]
    if faults:
        raise SourceError(faults)


def rotate_key(project: Path, name: str, keys: str, file: Path, step: str) -> int:
    """Do one of ``STEPS`` with the set *keys* in *file*; return how many keys it has then.

    *file* is the manifest of the Secret *name*, in clear or by sops, and is
    replaced in one rename. Raises UsageError and PipelineError, never with a key
    in it.
    """
    if keys not in SETS:
        raise UsageError(f"{keys!r} is no set of keys; {suggest(keys, SETS)}")
    try:
        text = file.read_bytes()
    except OSError as error:
        raise PipelineError(f"{file}: cannot be read ({error.strerror}); name the Secret's file") from None
    sealed = "sops" in _mapping(file, text)
    check_output(project, file, clear=not sealed)
    body = _mapping(file, decrypt_secret(project, text) if sealed else text)
    found = _within(body, "metadata").get("name")
    old = _within(body, "stringData").get(keys)
    if body.get("kind") != "Secret" or found != name:
        raise PipelineError(f"{file}: holds {found!r}, not the Secret {name!r}; name the file that has it")
    if not isinstance(old, str):
        raise PipelineError(f"{file}: stringData has no {keys}; make the Secret with `secrets keys`")
    body["stringData"][keys] = "".join(f"{key}\n" for key in _rotated(file, keys, old, step))
    new = _yaml(body)
    if sealed:
        new = encrypt_secret(project, new, _name(project, file))
    save_secret(
        file.resolve(), new, anew=True
    )  # behind a link: the link stays, and both names have the new keys
    return len(body["stringData"][keys].split())


def _rotated(file: Path, keys: str, old: str, step: str) -> list[str]:
    known = [key for key in re.split(r"[,\s]+", old) if key]
    if step == "introduce":
        return [*known, SETS[keys]()]
    if len(known) < 2:
        raise PipelineError(
            f"{file}: {keys} has one key, which is still needed; introduce another, and roll out"
        )
    return [known[-1], *known[:-1]] if step == "use" else known[:-1]


def _mapping(file: Path, text: bytes) -> dict[str, Any]:
    """Return the one document of *text*; what a parser says of it may show a key, so it is not passed on."""
    try:
        body = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise PipelineError(f"{file}: is not one manifest in YAML; name the file that `secrets` wrote")
    return body


def _within(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _name(project: Path, file: Path) -> str:
    """Return *file* as the rules of .sops.yaml see it."""
    full, root = file.resolve(), project.resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name


def encrypted_secret(project: Path, text: bytes, out: Path | None) -> bytes:
    """Return *text* encrypted for *out*, or for flux/secrets when it goes to standard output."""
    return encrypt_secret(project, text, _name(project, out) if out else "flux/secrets/secret.yaml")
