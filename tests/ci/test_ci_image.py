"""The image of CI jobs: named once, and pinned by its digest."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.tools.http import HttpClient
from pipelines.tools.registry import MANIFEST, Registry
from pipelines.tools.retry import RetryPolicy
from tests.support.project import COMMITTED, ROOT, commit_all, tiny_site, write
from tests.support.registry import registry
from tests.support.tools import need

FILE = ROOT / ".gitlab-ci.yml"
PINNED = re.compile(r"[a-z0-9][a-z0-9.:/_-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?")


def test_the_image_of_the_jobs_has_a_tag_that_can_be_pinned() -> None:
    (value,) = re.findall(r"^ +SITE_CI_IMAGE: *(\S+)", FILE.read_text("utf-8"), re.M)
    assert PINNED.fullmatch(value)


def test_no_job_runs_in_another_image() -> None:
    assert re.findall(r"^ *image: *(\S+)", FILE.read_text("utf-8"), re.M) == ["$SITE_CI_IMAGE"]


def test_the_image_of_the_jobs_is_pinned_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real registry, real skopeo; another image under the tag is another digest, and one line changes."""
    need("skopeo")
    with registry(tmp_path) as there, HttpClient(RetryPolicy(60), there.authority) as web:
        client = Registry(web, f"{there.host}/ci/python", None, "VARIABLES")
        monkeypatch.setenv("SSL_CERT_FILE", str(there.authority))
        text = FILE.read_text("utf-8")
        before = re.sub(r"(SITE_CI_IMAGE: ).*", rf"\g<1>{there.host}/ci/python:3.13-trixie", text)
        write(tmp_path / "ci.yml", before)
        for number in (1, 2):
            digest = push_image(client, b'{"number": %d}' % number)
            done = pin_image(tmp_path / "ci.yml")
            assert (done.returncode, done.stderr) == (0, "")
            pinned = f"{there.host}/ci/python:3.13-trixie@{digest}"
            assert done.stdout == f"{pinned}\n"
            assert (tmp_path / "ci.yml").read_text() == before.replace(
                f"{there.host}/ci/python:3.13-trixie", pinned
            )
            assert PINNED.fullmatch(pinned)
    done = pin_image(tmp_path / "ci.yml")  # the registry is gone: the line stays
    assert done.returncode == 1
    assert "the registry returns no digest" in done.stderr
    assert pinned in (tmp_path / "ci.yml").read_text()


@pytest.mark.parametrize(
    ("image", "gitlab", "code"),
    [
        ("python:3.13-trixie",                           "true", 1),
        ("python@sha256:abc",                            "true", 1),
        (f"python@sha256:{'a' * 64}:3.13",               "true", 1),
        (f"python:3.13-trixie@sha256:{'a' * 64}",        "true", 0),
        (f"registry.example.org/python@sha256:{'a' * 64}", "true", 0),
        ("",                                             "true", 0),
        ("python:3.13-trixie",                           "",     0),
    ],
)  # fmt: skip
def test_the_first_job_refuses_an_image_without_a_digest(
    image: str, gitlab: str, code: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Later jobs have the credentials of publishing."""
    project = tiny_site(tmp_path, {})
    commit_all(project, COMMITTED)
    monkeypatch.setenv("SITE_CI_IMAGE", image)
    monkeypatch.setenv("GITLAB_CI", gitlab)
    assert main(["--project", str(project), "plan"]) == code
    output = capsys.readouterr()
    if code:
        assert f"SITE_CI_IMAGE: {image} has no digest" in output.err
        assert "run `make ci-image` and commit .gitlab-ci.yml" in output.err
    else:
        assert "has to pass the checks: nothing is published yet" in output.out


def pin_image(file: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(ROOT / ".ci/image.py"), str(file)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def push_image(client: Registry, config: bytes) -> str:
    """Push an image without layers under the tag; return its digest."""
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    client.upload(digest, config)
    kind = "application/vnd.oci.image.config.v1+json"
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {"mediaType": kind, "digest": digest, "size": len(config)},
    }  # fmt: skip
    data = json.dumps(manifest).encode()
    assert client.put_manifest("3.13-trixie", data)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
