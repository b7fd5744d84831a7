"""allauth's own description of its interface, and whatever can be made of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import allauth.headless
import pytest

from tests.api.running import API, Site

SPEC = Path(allauth.headless.__file__).parent / "spec" / "doc" / "openapi.yaml"
KINDS = ("application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "text/plain" else pytest.mark.slow) for kind in KINDS]
)
def test_nothing_that_the_description_allows_or_forbids_breaks_the_api(
    site: Site, tmp_path: Path, kind: str
) -> None:
    """Each operation with examples and counterexamples, logged in, past NGINX: no 5xx and no traceback.

    Bodies of other types are refused unread: few of them show as much as many.
    """
    examples, least = ("4", 100) if kind == KINDS[0] else ("1", 80)
    before = [len(process.said) for process in site.processes]
    spec = tmp_path / "openapi.yaml"
    text = SPEC.read_text("utf-8")
    assert "          - app\n" in text
    text = text.replace("          - app\n", "")  # the API without CSRF is switched off
    assert "            application/json:\n" in text
    spec.write_text(text.replace("            application/json:\n", f"            {kind}:\n"), "utf-8")
    one = site.member(f"schema-{KINDS.index(kind)}@example.org")
    cookies = "; ".join(f"{name}={value}" for name, value in one.jar.items())
    headers = {
        "Host": site.host, "Origin": site.url, "Cookie": cookies, "X-CSRFToken": one.jar[site.csrf],
        "X-Real-IP": "198.51.100.7",
    }  # fmt: skip
    words = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", str(spec)),
            *("--url", f"http://127.0.0.1:{site.ports[0]}", "--checks", "not_a_server_error"),
            *("--phases", "examples,fuzzing", "--mode", "all", "--seed", "20261123"),
            *("--max-examples", examples, "--no-color", *words),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"generated, (\d+) passed", done.stdout)
    assert passed, done.stdout[-2000:]
    assert int(passed[1]) >= least
    assert site.browser().send("GET", f"{API}/config").status == 200
    logs = [process.said[old:] for process, old in zip(site.processes, before, strict=True)]
    assert [text for text in logs if "Traceback" in text] == []
