"""Documents for developers name files, targets and commands that exist."""

from __future__ import annotations

import re

import pytest

from tests.support.project import ROOT

DOCUMENTS = ("CONTRIBUTING.md", "docs/architecture.md")
SITE = ROOT / "pipelines" / "site"
MADE = ("out/", ".venv", "node_modules")  # directories that commands write


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_exists(name: str) -> None:
    """A path that has moved sends a newcomer nowhere."""
    spans = re.findall(r"`([\w.][\w./-]*/[\w./-]*|[\w-]+\.(?:py|toml|md|yaml|json))`", text_of(name))
    bases = (ROOT, SITE, ROOT / "pipelines", ROOT / "helm" / "site")
    assert spans
    missing = [
        span
        for span in spans
        if not span.startswith(MADE) and not any((base / span).exists() for base in bases)
    ]
    assert missing == []


def test_the_picture_of_the_build_has_every_package() -> None:
    """The layers that are drawn are those of the import contract, in its order."""
    contracts = text_of("pyproject.toml")
    layers = re.search(r"exhaustive = true\nlayers = \[(.*?)\]", contracts, re.S)
    picture = re.search(r"```text\n(build .*?)```", text_of("docs/architecture.md"), re.S)
    assert layers
    assert picture
    wanted = [re.findall(r"\w+", layer) for layer in re.findall(r'"([^"]+)"', layers[1])]
    names = {name for layer in wanted for name in layer}
    drawn = [
        [word for word in re.findall(r"\b\w+\b", line) if word in names] for line in picture[1].splitlines()
    ]
    assert [[*dict.fromkeys(line)][: len(layer)] for line, layer in zip(drawn, wanted, strict=True)] == wanted
