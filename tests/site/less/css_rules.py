"""Normalize CSS to compare the output of two compilers.

Two stylesheets are equal if a browser parses the same rules from them, in the same order.
White space, the notation of a colour, and adjacent rules with one selector are normalized.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tinycss2
import tinycss2.color4

from tests.support.tools import need

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[2] / "node_modules"
GROUPS = ("media", "supports", "container", "layer", "scope", "starting-style")

Rule = tuple[tuple[str, ...], str, tuple[tuple[str, Any, bool], ...]]


def need_npm(path: str) -> Path:
    """Return *path* of the npm packages; skip the test, or fail in CI, without it."""
    if (NODE_MODULES / path).exists():
        return NODE_MODULES / path
    message = f"{path} is not installed: npm ci"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def less_js(sheets: Sequence[tuple[str, str | None]]) -> list[dict[str, str]]:
    """Compile (text, filename) with less.js, in one process; css or error for each."""
    argv = [need("node"), str(HERE / "lessjs.mjs"), str(need_npm("less"))]
    done = subprocess.run(
        argv, input=json.dumps(sheets), capture_output=True, text=True, check=True, timeout=120
    )
    results: list[dict[str, str]] = json.loads(done.stdout)
    return results


def normalized_rules(css: str) -> list[Rule]:
    """Return each rule of *css*: the at-rules around it, its selectors, its declarations."""
    rules: list[Rule] = []
    _sheet(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), (), rules)
    joined: list[Rule] = []
    for groups, head, declarations in rules:
        if joined and joined[-1][:2] == (groups, head) and not head.startswith("@"):
            declarations = (*joined.pop()[2], *declarations)
        joined.append((groups, head, declarations))
    return [(groups, head, _last_repetition(declarations)) for groups, head, declarations in joined]


def _last_repetition(declarations: tuple[tuple[str, Any, bool], ...]) -> tuple[tuple[str, Any, bool], ...]:
    """Drop identical repetitions of a declaration, except the last one."""
    kept = dict.fromkeys(repr(one) for one in reversed(declarations))
    by_text = {repr(one): one for one in declarations}
    return tuple(by_text[text] for text in reversed(kept))


def _sheet(nodes: Iterable[Any], groups: tuple[str, ...], rules: list[Rule]) -> None:
    for node in nodes:
        assert node.type != "error", node.message
        if node.type == "qualified-rule":
            declarations = _declarations(node.content)
            if declarations:
                rules.append((groups, _text(node.prelude), declarations))
            continue
        name = node.lower_at_keyword
        head = f"@{name} {_text(node.prelude)}".strip()
        if node.content is None:
            rules.append((groups, head, ()))
        elif name in GROUPS or name.endswith("keyframes"):
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            _sheet(inner, (*groups, head), rules)
        elif declarations := _declarations(node.content):
            rules.append((groups, head, declarations))


def _declarations(content: Iterable[Any]) -> tuple[tuple[str, Any, bool], ...]:
    found = []
    for node in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        assert node.type == "declaration", f"{node.type}: {getattr(node, 'message', node)}"
        # less.js writes an empty custom property with a space.
        found.append((node.name, _value(node.value), node.important))
    return tuple(found)


def _text(tokens: Iterable[Any]) -> str:
    """Return a selector or a query with only the significant spaces."""
    return " ".join(str(part) for part in _value(tokens, loose=">+~,:<=()"))


def _value(tokens: Iterable[Any], loose: str = ",/*") -> tuple[Any, ...]:
    """Return the parts of a value; spaces beside a delimiter in *loose* are insignificant."""
    parts: list[Any] = []
    for token in tokens:
        if "+" in loose and getattr(token, "representation", "")[:1] == "+":
            parts.append("+")  # 2n+1 equals 2n + 1
        parts.append(" " if token.type in ("comment", "whitespace") else _part(token, loose))
    tight: list[Any] = []
    for part in parts:
        if part == " " and (not tight or tight[-1] == " " or _is_delimiter(tight[-1], loose)):
            continue
        if tight and tight[-1] == " " and _is_delimiter(part, loose):
            tight.pop()
        tight.append(part)
    while tight and tight[-1] == " ":
        tight.pop()
    return tuple(tight)


def _is_delimiter(part: Any, loose: str) -> bool:
    return isinstance(part, str) and len(part) == 1 and part in loose


def _part(token: Any, loose: str) -> Any:
    if token.type in ("hash", "function") and loose == ",/*":
        colour = tinycss2.color4.parse_color(token)
        if colour and colour != "currentcolor" and colour.space in ("srgb", "hsl"):
            rgb = colour.to("srgb")
            levels = (int(min(max(part, 0), 1) * 255 + 0.5) for part in rgb[:3])
            return ("colour", *levels, round(rgb.alpha, 3))
    if token.type in ("number", "percentage", "dimension"):
        unit = {"percentage": "%"}.get(token.type, getattr(token, "unit", ""))
        return ("number", round(token.value, 6), unit)
    if token.type == "function":
        return _function(token.lower_name, _value(token.arguments, loose))
    if token.type.endswith("block"):
        return (token.type, *_value(token.content, loose))
    assert token.type != "error", token.message
    if token.type == "hash":
        return f"#{token.value}"
    if token.type == "unicode-range":
        return (token.type, token.start, token.end)
    if token.type in ("string", "url"):
        return (token.type, token.value)
    return str(token.value)


def _function(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return the function; less.js evaluates min() and max() if the units agree."""
    numbers = [part for part in arguments if part != ","]
    if name in ("min", "max") and all(isinstance(n, tuple) and n[0] == "number" for n in numbers):
        best: dict[str, Any] = {}
        for number in numbers:
            unit = number[2]
            best[unit] = (min if name == "min" else max)(best.get(unit, number), number)
        if len(best) == 1:
            return next(iter(best.values()))
        return (name, *best.values())
    if name == "calc" and len(arguments) == 1 and arguments[0][0] == "() block":
        return (name, *arguments[0][1:])  # parentheses around everything
    return (name, *arguments)
