"""The chapters and commands of docs/operator.md: tests run what the guide says."""

from __future__ import annotations

import re
from functools import cache

from tests.support.project import ROOT


@cache
def guide() -> str:
    """Return docs/operator.md."""
    return (ROOT / "docs" / "operator.md").read_text("utf-8")


def chapter(title: str) -> str:
    """Return the text below the heading *title*, up to the next one of its level."""
    match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{2,3}} |\Z)", guide(), re.M | re.S)
    assert match, title
    return match[2]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of *language*, without the indent of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", body, flags=re.M) for indent, body in found]
