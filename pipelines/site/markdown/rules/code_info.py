"""Read the first line of a fence, in the spellings of GitHub, rustdoc, pandoc, Hugo and Docusaurus.

``python title="a.py" hl_lines="2-4"``, ``rust,no_run``, ``js{1,3}``,
``{.python .numberLines}``. No reads, no writes, no network.
"""

from __future__ import annotations

import re

from pipelines.core.errors import suggest
from pipelines.site.markdown.highlight import OPTIONS, CodeInfo, first_line, line_numbers

_LANGUAGE = re.compile(r"[^\s{},:=\"']*")
_OPTION = re.compile(
    r"""([A-Za-z_][\w-]*)[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)'|([^\s"',}\]]+))|\{([\d,\s-]+)\}"""
)
_CLASS = re.compile(r"(?<![\w.])\.([\w+#-]+)")
_TITLES = ("title", "filename", "caption", "file", "name")
_MARKED = ("hl_lines", "hl-lines", "highlight", "hllines")
_NUMBERED = ("linenums", "linenos", "shownumbers", "showlinenumbers")  # MkDocs, Hugo, Docusaurus
_FIRST = ("linenostart", "startfrom", "start", "startline")  # the number of the first line
_NUMBERED_WORD = re.compile(
    r"(?<![^\s{,.])(?:linenums|linenos|showLineNumbers|numberLines|number-lines|line-numbers)(?![^\s},])",
    re.IGNORECASE,
)


def parse_info(text: str) -> CodeInfo:
    """Return what *text* says; unknown words have no effect, unknown options are listed."""
    text = text.strip()
    if text.startswith("{") and text.endswith("}"):
        found = _CLASS.search(text)
        word = _LANGUAGE.match(text[1:].lstrip(": \t"))
        language = found[1] if found else word[0] if word and not text[1:].startswith("#") else ""
        rest = text[1:-1]
        if language[:1].isdigit():  # {1,3}: lines, without a language
            language, rest = "", text
    else:
        found = _LANGUAGE.match(text)
        language = found[0] if found and not _OPTION.match(text) else ""
        rest = text[len(language) :]
    title, marked, unknown = "", list[int](), list[str]()
    numbers, start = int(bool(rest and _NUMBERED_WORD.search(_OPTION.sub("", rest)))), 0
    for key, double, single, bare, braces in _OPTION.findall(rest) if rest else ():
        value, lower = double or single or bare, key.lower()
        if braces:
            marked += line_numbers(braces)
        elif lower in _TITLES:
            title = title or value
        elif lower in _MARKED:
            marked += line_numbers(value)
        elif lower in _NUMBERED:
            numbers = first_line(value)
        elif lower in _FIRST:
            start = first_line(value)
        elif suggest(lower, OPTIONS).startswith("did"):
            unknown.append(key)
    return CodeInfo(
        language.removeprefix("language-"),
        title,
        tuple(marked),
        tuple(unknown),
        numbers and (start or numbers),
    )
