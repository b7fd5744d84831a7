"""Find definitions that nothing uses: of links, footnotes and abbreviations.

The parser knows which it used. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markdown_it.common.utils import normalizeReference
from markdown_it.token import Token

Row = tuple[int, str, str, str]  # line of the body, from 1; what is wrong; fix; check


def findings(tokens: Sequence[Token], env: Mapping[str, Any], body: str) -> list[Row]:
    """Return what is wrong with the definitions of *body*, whose *tokens* are parsed."""
    if not env.keys() & {"references", "footnotes", "abbreviations"}:
        return []
    return sorted([*_links(tokens, env, body.split("\n")), *_footnotes(tokens, env), *_abbreviations(env)])


def _links(tokens: Sequence[Token], env: Mapping[str, Any], lines: Sequence[str]) -> Iterator[Row]:
    known: Mapping[str, Any] = env.get("references", {})
    used = {
        normalizeReference(str(child.meta["label"]))
        for token in tokens
        for child in token.children or ()
        if child.type in ("link_open", "image") and child.meta and "label" in child.meta
    }
    for label, one in known.items():
        if label not in used:
            line = int(one["map"][0]) + 1
            shown = _label(lines[line - 1], label)
            fix = f"write {shown} in the text, or \\[ if it is text"
            yield line, f"link definition {shown} is not used", fix, "unused-definition"
    for one in env.get("duplicate_refs", ()):
        if one["href"] != known[one["label"]]["href"]:
            line = int(one["map"][0]) + 1
            text = f"link {_label(lines[line - 1], one['label'])} is defined twice: the first one counts"
            yield line, text, "rename one", "unused-definition"


def _label(line: str, label: str) -> str:
    """Return the label as *line* spells it."""
    start, end = line.find("["), line.find("]:")
    return line[start : end + 1] if 0 <= start < end else f"[{label.lower()}]"


def _footnotes(tokens: Sequence[Token], env: Mapping[str, Any]) -> Iterator[Row]:
    used = env.get("footnotes", {}).get("used", {})
    for token in tokens:
        if token.type == "footnote_reference_open" and token.meta["label"] not in used:
            line, shown = (token.map[0] + 1 if token.map else 1), f"[^{token.meta['label']}]"
            text = f"footnote {shown} is not used: it is not on the page"
            yield line, text, f"write {shown} in the text", "dropped-markup"


def _abbreviations(env: Mapping[str, Any]) -> Iterator[Row]:
    used = env.get("abbreviations_used", ())
    for name, line in env.get("abbreviation_lines", {}).items():
        if name not in used:
            text = f"abbreviation *[{name}] is not used"
            yield line, text, "fix its name, or remove it", "unused-definition"
