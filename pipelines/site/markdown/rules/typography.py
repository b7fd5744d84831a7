"""Typographic quotation marks, dashes and ellipses in the language of the page.

Quotation marks: Unicode CLDR, delimiters of each locale. No reads, no writes,
no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token

# Double and single marks of a language, each with its opening and closing one.
_ENGLISH = ("“", "”", "‘", "’")
_LOW = ("„", "“", "‚", "‘")
_ANGLES = ("«", "»", "“", "”")
_NORDIC = ("«", "»", "‘", "’")
_HIGH = ("”", "”", "’", "’")
_SLAVIC = ("«", "»", "„", "“")
_LOW_ONLY = ("„", "“", "„", "“")
QUOTES = {
    "be": _SLAVIC,
    "bg": _LOW_ONLY,
    "bs": ("„", "”", "‘", "’"),
    "ca": _ANGLES,
    "cs": _LOW,
    "da": _ENGLISH,
    "de": _LOW,
    "el": _ANGLES,
    "en": _ENGLISH,
    "es": _ANGLES,
    "et": _LOW,
    "eu": _ANGLES,
    "fa": ("«", "»", "‹", "›"),
    "fi": _HIGH,
    "fr": ("«\u00a0", "\u00a0»", "“", "”"),
    "he": _HIGH,
    "hr": _LOW,
    "hu": ("„", "”", "»", "«"),
    "is": _LOW,
    "it": _ANGLES,
    "ka": ("„", "“", "«", "»"),
    "kk": _ANGLES,
    "lb": _LOW,
    "lt": _LOW_ONLY,
    "mk": _LOW,
    "nb": _NORDIC,
    "nl": _ENGLISH,
    "nn": _NORDIC,
    "no": _NORDIC,
    "pl": ("„", "”", "«", "»"),
    "pt": _ENGLISH,
    "ro": ("„", "”", "«", "»"),
    "ru": _SLAVIC,
    "sk": _LOW,
    "sl": _LOW,
    "sq": _ANGLES,
    "sr": ("„", "”", "’", "’"),
    "sv": _HIGH,
    "uk": _SLAVIC,
}
_SWISS = ("«", "»", "‹", "›")
_REGIONS = {"de-CH": _SWISS, "fr-CH": _SWISS, "pt-PT": _ANGLES}
_ANY = re.compile(r"""["']|--|\.\.\.""")
_QUOTE = re.compile(r"""["']""")
_DASH = re.compile(r"(?<!-)---(?!-)|(?<![-\w])(?<![-!])--(?=\s|\Z)|(?<=[^-\s!<])--(?=[^-\s>])")
_ELLIPSIS = re.compile(r"(?<!\.)\.\.\.(?!\.)")
_OPENING = "([{<«„“‚‘/-–—=¿¡\u00a0"
_WORD = "\ufffc"  # stands for an element, such as code, that is not text


def quotes(lang: str) -> tuple[str, str, str, str]:
    """Return the quotation marks of the language tag *lang*; those of English for one not listed."""
    return _REGIONS.get(lang) or QUOTES.get(lang.split("-")[0], _ENGLISH)


def smarten(tokens: Sequence[Token], marks: tuple[str, str, str, str]) -> None:
    """Replace straight quotes, hyphens and dots in the texts of *tokens*."""
    texts: list[tuple[Token, int]] = []  # texts, each with its offset
    parts: list[str] = []
    at, link = 0, False
    for token in tokens:
        part = _flat(token)
        if token.type == "link_open":
            link = token.info == "auto"
        elif token.type == "link_close":
            link = False
        if token.type == "text" and link:
            part = _WORD * len(part)
        elif token.type == "text" and part:
            texts.append((token, at))
        parts.append(part)
        at += len(part)
    flat = "".join(parts)
    if not _ANY.search(flat):
        return
    replaced = _quotes_in(flat, marks) if _QUOTE.search(flat) else {}
    for found in _DASH.finditer(flat):
        replaced[found.start()] = (len(found[0]), "—" if len(found[0]) == 3 else "–")
    for found in _ELLIPSIS.finditer(flat):
        replaced[found.start()] = (3, "…")
    if not replaced:
        return
    positions = sorted(replaced)
    index = 0
    for token, offset in texts:
        text, last, done = token.content, 0, []
        while index < len(positions) and positions[index] < offset:
            index += 1
        while index < len(positions) and positions[index] < offset + len(text):
            length, new = replaced[positions[index]]
            begin = positions[index] - offset
            done += [text[last:begin], new]
            last = begin + length
            index += 1
        if done:
            token.content = "".join(done) + text[last:]


def _flat(token: Token) -> str:
    """Return what *token* is for the characters beside it."""
    if token.type in ("text", "softbreak", "hardbreak"):
        return token.content if token.type == "text" else "\n"
    if token.nesting or token.type == "html_inline":
        return ""
    return _WORD  # escaped characters, too


def _quotes_in(flat: str, marks: tuple[str, str, str, str]) -> dict[int, tuple[int, str]]:
    """Return the length and the replacement of each quote of *flat* by its offset."""
    replaced: dict[int, tuple[int, str]] = {}
    stack: list[int] = []  # offsets of opening quotes
    count = {'"': 0, "'": 0}  # of the stack
    for found in _QUOTE.finditer(flat):
        at, sign = found.start(), found[0]
        before = flat[at - 1] if at else " "
        after = flat[at + 1] if at + 1 < len(flat) else " "
        inside = _is_word(before) and _is_word(after)
        opens = not after.isspace() and (before.isspace() or before in _OPENING or before in "\"'")
        if sign == "'" and inside:
            replaced[at] = (1, "’")
        elif not opens and count[sign] and not before.isspace():
            while (opening := stack.pop()) is not None:
                other = flat[opening]
                count[other] -= 1
                if other == sign:
                    break
            single = 2 if sign == "'" else 0
            replaced[opening] = (1, marks[single])
            replaced[at] = (1, marks[single + 1])
        elif opens:
            stack.append(at)
            count[sign] += 1
            if sign == "'":
                replaced[at] = (1, "’")  # until it is closed
        elif sign == "'":
            replaced[at] = (1, "’")
    return replaced


def _is_word(character: str) -> bool:
    return character.isalnum() or character == _WORD
