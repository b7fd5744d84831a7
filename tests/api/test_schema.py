"""Fuzzing the API with allauth's OpenAPI schema."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import allauth.headless
import pytest

from tests.api.live_site import API, Site

SPEC = Path(allauth.headless.__file__).parent / "spec" / "doc" / "openapi.yaml"
KINDS = ("application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_request_of_the_schema_causes_a_server_error(site: Site, tmp_path: Path, kind: str) -> None:
    """Each operation with valid and invalid requests, logged in, past NGINX: no 5xx, no traceback.

    Bodies of other types are refused without parsing, so that a few are enough.
    """
    examples, least = ("4", 100) if kind == KINDS[0] else ("1", 80)
    before = [len(process.log) for process in site.processes]
    spec = tmp_path / "openapi.yaml"
    text = SPEC.read_text("utf-8")
    assert "          - app\n" in text
    text = text.replace("          - app\n", "")  # the API without CSRF protection is disabled
    assert "            application/json:\n" in text
    spec.write_text(text.replace("            application/json:\n", f"            {kind}:\n"), "utf-8")
    one = site.member(f"schema-{KINDS.index(kind)}@example.org")
    cookies = "; ".join(f"{name}={value}" for name, value in one.jar.items())
    headers = {
        "Host": site.host, "Origin": site.url, "Cookie": cookies, "X-CSRFToken": one.jar[site.csrf],
        "X-Real-IP": "198.51.100.7",
    }  # fmt: skip
    options = [option for name, value in headers.items() for option in ("--header", f"{name}: {value}")]
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", str(spec)),
            *("--url", f"http://127.0.0.1:{site.ports[0]}", "--checks", "not_a_server_error"),
            *("--phases", "examples,fuzzing", "--mode", "all", "--seed", "20261123"),
            *("--max-examples", examples, "--no-color", *options),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"generated, (\d+) passed", done.stdout)
    assert passed, done.stdout[-2000:]
    assert int(passed[1]) >= least
    assert site.browser().send("GET", f"{API}/config").status == 200
    logs = [process.log[old:] for process, old in zip(site.processes, before, strict=True)]
    assert [text for text in logs if "Traceback" in text] == []
