"""Literal links: URLs and mail addresses as GitHub Flavored Markdown finds them.

https://github.github.com/gfm/#autolinks-extension-; as in cmark-gfm and comrak,
a URL with a scheme may follow any character that is not a letter. The functions
that decide where a URL ends are those of mdit-py-plugins; a URL has at most
``_LONGEST`` characters, since they take quadratic time. No reads, no writes, no
network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.gfm_autolink._match import match_any_email, match_http, match_www

_LONGEST = 4_096
_RUN = re.compile(rf"[^\s<]{{1,{_LONGEST}}}")
_SCHEME = re.compile(r"(?<![A-Za-z])(?:https?|ftp)\Z")
_LOCAL = re.compile(r"(?:(?:mailto|xmpp):)?[A-Za-z0-9.+_-]{1,256}\Z")
_DOMAIN = re.compile(r"@[A-Za-z0-9_-]{1,256}\.[^\s<]{0,256}")


def url(state: StateInline, silent: bool) -> bool:
    """Parse ``www.…`` at its first letter, ``https://…`` at its colon."""
    if silent or state.linkLevel:
        return False
    src, at = state.src, state.pos
    if src[at] == "w":
        if not src.startswith("www.", at) or (at and src[at - 1] not in " \t\n*_~("):
            return False
        run = _RUN.match(src, at, state.posMax)
        result = match_www(run[0]) if run else None
        scheme = ""
    else:
        found = _SCHEME.search(src, max(0, at - 6), at)
        run = _RUN.match(src, at, state.posMax)
        if found is None or run is None or not run[0].startswith("://"):
            return False
        scheme = found[0]
        result = match_http(f"http{run[0]}") if scheme == "ftp" else match_http(scheme + run[0])
        if result and scheme == "ftp":
            result = f"ftp{result[0][4:]}", result[1] - 1
    if result is None:
        return False
    target, length = result
    if scheme:
        state.pending = state.pending[: -len(scheme)]
    opening = state.push("link_open", "a", 1)
    opening.attrs, opening.info = {"href": state.md.normalizeLink(target)}, "auto"
    state.push("text", "", 0).content = target if scheme else target.removeprefix("http://")
    state.push("link_close", "a", -1).info = "auto"
    state.pos = at + length - len(scheme)
    return True


def link_addresses(tokens: Sequence[Token]) -> list[Token]:
    """Return *tokens* with a link around each mail address in a text outside of links."""
    done: list[Token] = []
    links = 0
    for token in tokens:
        links += token.nesting if token.tag == "a" else 0
        if token.type != "text" or links or "@" not in token.content:
            done.append(token)
        else:
            done += _split(token)
    return done


def _split(token: Token) -> list[Token]:
    text, done, last = token.content, list[Token](), 0
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        local = _LOCAL.search(text, max(last, at - 270), at) if domain else None
        if local and domain:
            name = local[0]
            scheme = name.partition(":")[0] if ":" in name else None
            result = match_any_email(name + domain[0], len(scheme) + 1 if scheme else 0, scheme)
            if result:
                target, length = result
                shown = text[local.start() : local.start() + length]
                done += [_text(text[last : local.start()], token), *_link(target, shown, token)]
                last = local.start() + length
                at = last - 1
        at = text.find("@", at + 1)
    return [*done, _text(text[last:], token)] if done else [token]


def _link(target: str, shown: str, like: Token) -> list[Token]:
    opening, closing = Token("link_open", "a", 1), Token("link_close", "a", -1)
    opening.attrs, opening.info = {"href": target}, "auto"
    opening.level = closing.level = like.level
    return [opening, _text(shown, like), closing]


def _text(content: str, like: Token) -> Token:
    token = Token("text", "", 0)
    token.content, token.level = content, like.level
    return token
