"""Every check has a name, a severity and documentation; [checks] changes severities."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipelines.core import checks_docs
from pipelines.core.checks import CHECKS, Severities
from pipelines.core.config import parse_config
from pipelines.core.errors import Fault, SourceError
from tests.support.project import ROOT, SMALL_SITE

SITE = (SMALL_SITE / "site.toml").read_text("utf-8")
FAULT = Fault("content/a.md", 3, "is wrong", "fix it", "math")


def severities(text: str) -> Severities:
    """Return the severities of a site.toml that ends in *text*."""
    return parse_config(f"{SITE}\n{text}").checks


def test_names_are_kebab_case_and_documented() -> None:
    for name, check in CHECKS.items():
        assert name == check.name == name.lower().replace("_", "-")
        assert check.doc.endswith((".", ".)"))


@pytest.mark.parametrize(
    ("text", "path", "severity"),
    [
        ("", "content/a.md", "error"),
        ('[checks]\nmath = "warning"', "content/a.md", "warning"),
        ('[checks."content/old/**"]\nmath = "off"', "content/a.md", "error"),
        ('[checks."content/old/**"]\nmath = "off"', "content/old/x/a.md", "off"),
        ('[checks."content/*.md"]\nmath = "off"', "content/a.md", "off"),
        ('[checks."content/*.md"]\nmath = "off"', "content/old/a.md", "error"),
        ('[checks]\nmath = "off"\n[checks."content/**"]\nmath = "error"', "content/a.md", "error"),
        (
            '[checks."content/**"]\nmath = "off"\n[checks."**/a.md"]\nmath = "warning"',
            "content/a.md",
            "warning",
        ),
    ],
)
def test_the_last_pattern_that_matches_decides(text: str, path: str, severity: str) -> None:
    assert severities(text).severity("math", path) == severity


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[checks]\nmth = "off"', "[checks] mth: unknown key; did you mean math?"),
        ('[checks]\nmath = "no"', '[checks] math: must be "error", "warning" or "off", not \'no\''),
        (
            '[checks]\nunsafe-html = "off"',
            '[checks] unsafe-html: must be "error", not \'off\'; write "error"',
        ),
        ('[checks."a/**"]\nmth = "off"', '[checks."a/**"] mth: unknown key; did you mean math?'),
    ],
)
def test_an_invalid_choice_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(SourceError) as error:
        severities(text)
    line = SITE.count("\n") + 3
    assert str(error.value).startswith(f"site.toml:{line}: {fault}")


def test_findings_get_the_severity_of_their_check_and_path() -> None:
    chosen = Severities(by_path=(("content/a.md", (("math", "warning"),)),))
    assert [fault.severity for fault in chosen.apply([FAULT, FAULT])] == ["warning"]
    assert Severities((("math", "off"),)).apply([FAULT]) == []


def test_a_warning_is_never_raised_to_an_error() -> None:
    """Findings in drafts are warnings, whatever their check."""
    draft = Fault(*(FAULT.path, 3, "is wrong", "fix it", "math"), severity="warning")
    assert Severities().apply([draft]) == [draft]


def test_every_finding_of_the_site_names_a_known_check() -> None:
    """Each call of Fault in pipelines/site passes a check; each literal is declared."""
    for file in sorted(Path(ROOT, "pipelines", "site").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                starred = any(isinstance(one, ast.Starred) for one in node.args)
                named = any(one.arg == "check" for one in node.keywords)
                assert starred or named or len(node.args) >= 5, f"{file}:{node.lineno}"
                for one in node.args[4:5]:
                    assert not isinstance(one, ast.Constant) or one.value in CHECKS, f"{file}:{node.lineno}"


def test_every_check_has_a_bad_input() -> None:
    """tests/bad has an input for each check, and its message is the example in the reference."""
    text = checks_docs.reference(ROOT)
    sections = {one.partition("\n")[0]: one for one in text.split("\n## ")[1:]}
    assert [name for name in CHECKS if "```text\n" not in sections[name]] == []


def test_the_committed_reference_is_current() -> None:
    """Else: make settings-docs."""
    assert (ROOT / checks_docs.REFERENCE).read_text("utf-8") == checks_docs.reference(ROOT)
