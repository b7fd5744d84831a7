"""Split a source file into its front matter and its Markdown.

Three forms of front matter are supported: YAML between ``---`` lines, TOML
between ``+++`` lines, and Pelican's ``Key: value`` lines. Values stay strings:
YAML 1.1 would turn ``NO`` into false and ``007`` into 7. A file may have none.
Reads one file. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.toml_front_matter import toml_entries

MAX_FRONT_MATTER = 64 * 2**10  # characters of the YAML or the "Key: value" lines. Real: 2,600
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_MAX_DEPTH = 1000  # levels of YAML collections; deeper ones overflow libyaml's stack
_NOT_TEXT = re.compile(r"\d[\d:.TZ+ -]*|true|false|yes|no", re.IGNORECASE)
_DELIMITER = re.compile(r"(---|\.\.\.)[ \t]*")
# The first line of front matter in a language that it names.
_LANGUAGE_DELIMITER = re.compile(
    r"---[ \t]*(js|javascript|jsonc?|json5|toml|ya?ml|coffee|cson)[ \t]*|;;;[ \t]*", re.I
)
_TOML_DELIMITER = re.compile(r"\+\+\+[ \t]*")
# A key that decides who may read the page, outside of front matter; Logseq writes `a:: b`, Nikola `.. a: b`.
LATE_KEY = re.compile(
    r"\s*(?:\.\.\s+)?(?:(?:status|access|draft)\s*(?:::?|=)\s*\"?(?:draft|members|true)\"?"
    r"|(?P<shown>(?:publish|published|public)\s*(?:::?|=)\s*\"?false\"?))\s*",
    re.IGNORECASE,
)
# Front matter below lines that other programs skip, or below a heading.
_LATE_BLOCK = re.compile(
    r"(?:[ \t]*\n|<!--(?:(?!-->).)*-->[ \t]*\n|%[^\n]*\n|(?P<heading>#[^\n]*\n))*---[ \t]*\n"
    r"(?P<keys>(?:[A-Za-z][\w-]*[ \t]*:(?:[ \t][^\n]*)?\n(?:(?!---)[ \t-][^\n]*\n)*)+)"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_USUAL_KEY = re.compile(
    r"^(?:title|date|status|draft|access|layout|tags)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_FIRST_LINES = 40
_KEY_LINE = re.compile(r"(?P<key>[A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(?P<value>.*))?$")
# What XML 1.0 forbids (feeds are XML), and the C1 controls: Windows-1252 text, read as Latin-1.
CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_ASCII_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\x0c\r"})
_BOM = b"\xef\xbb\xbf"


class MetadataEntry(Struct, frozen=True):
    """One key of the front matter, as written."""

    key: str  # in lower case
    value: str | tuple[str, ...] | None  # a tuple for a list; None for a table or a list of lists
    line: int  # of the key, counted from 1


class SourceText(Struct, frozen=True):
    """A source file, split into front matter and Markdown."""

    entries: tuple[MetadataEntry, ...]
    body: str  # Markdown; line ends are \n
    body_line: int  # the line on which the body starts, counted from 1


class InvalidFrontMatter(SourceError):
    """Single values of a front matter cannot be read; *source* has all entries."""

    def __init__(self, faults: Iterable[Fault], source: SourceText) -> None:
        super().__init__(faults)
        self.source = source

    def __reduce__(self) -> tuple[type[InvalidFrontMatter], tuple[tuple[Fault, ...], SourceText]]:  # type: ignore[override]
        return type(self), (self.faults, self.source)


def read_text(file: Path, name: str) -> str:
    """Return the text of *file* with \\n line ends and without form feeds; faults name it *name*.

    Raises SourceError, with the line, for bytes that are not UTF-8 text.
    """
    try:
        data = file.read_bytes().removeprefix(_BOM)
    except OSError as error:
        fix = "make it a readable file"
        raise SourceError([Fault(name, 0, f"cannot be read ({error.strerror})", fix, "encoding")]) from None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(
            name, line, f"is not UTF-8 (byte 0x{data[error.start]:02x})", "save it as UTF-8", "encoding"
        )
        raise SourceError([fault]) from None
    text = text.replace("\x0c", " ")  # a form feed is white space (CommonMark 2.1); XML does not allow it
    # Most texts are ASCII, where this takes a tenth of the search.
    is_plain = data.isascii() and len(data.translate(None, _ASCII_CONTROLS)) == len(data)
    if not is_plain and (bad := CONTROL_CHARACTER.search(text)):
        line = text.count("\n", 0, bad.start()) + 1
        what = f"has a control character (U+{ord(bad[0]):04X})"
        raise SourceError([Fault(name, line, what, "remove it, or save the file as UTF-8", "encoding")])
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_front_matter(text: str, name: str) -> SourceText:
    """Split *text*; raise SourceError for invalid front matter.

    It is InvalidFrontMatter where single values are invalid, so that the others can be checked, too.
    Blank lines before YAML or TOML do not count. A text without front matter has
    no entries, and is the body as a whole.
    """
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if re.fullmatch(r"---[ \t]*", lines[start]):
        return _split_yaml(lines, start, name)
    if re.fullmatch(r"\+\+\+[ \t]*", lines[start]):
        return _split_toml(lines, start, name)
    if _KEY_LINE.match(lines[0]):
        return _split_key_lines(lines, name)
    _check_no_front_matter(lines, name)
    return SourceText((), text, 1)


def _check_no_front_matter(lines: list[str], name: str) -> None:
    """Refuse what looks like front matter but is not read as such: it may say `access: members`."""
    number, first = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (1, ""))
    if first.startswith("{") and '"' in "".join(lines[:3]):
        fix = "write it as YAML between --- lines"
        raise SourceError(
            [Fault(name, number, "front matter is JSON, which is not read", fix, "front-matter")]
        )
    if found := _LANGUAGE_DELIMITER.fullmatch(first):  # Eleventy: ---json; Hexo: ;;;
        what = f"front matter begins with {first.strip()}, which is not read"
        fix = "write YAML between --- lines"
        if (found[1] or "").lower() in ("yaml", "yml", "toml"):
            fix = "write +++ for it and its end" if found[1].lower() == "toml" else "write --- for it"
        raise SourceError([Fault(name, number, what, fix, "front-matter")])
    if number > 1 and _KEY_LINE.match(first):
        fix = "remove the lines above it; if it is text, put a heading above it"
        what = "front matter does not start on line 1"
        raise SourceError([Fault(name, number, what, fix, "front-matter")])
    block = _LATE_BLOCK.match("\n".join(lines[:_FIRST_LINES]))
    if block and (not block["heading"] or _USUAL_KEY.search(block["keys"])):
        number = block.string.count("\n", 0, block.start("keys"))
        fix = "move or remove what is above it; if it is text, leave a blank line below the ---"
        what = "front matter is not at the top of the file"
        raise SourceError([Fault(name, number, what, fix, "front-matter")])
    in_code = False
    for at, line in enumerate(lines[:_FIRST_LINES], 1):
        in_code ^= line.lstrip().startswith(("```", "~~~"))
        found = LATE_KEY.fullmatch(line)
        if found and found["shown"] and (in_code or line.startswith((" " * 4, "\t"))):
            continue  # Cargo.toml has `publish = false`
        if found:
            fix = "put it between --- lines at the top of the file; if it is text, begin it with another word"
            what = f"{line.strip()[:40]!r} is not in front matter"
            raise SourceError([Fault(name, at, what, fix, "front-matter")])


def _block(lines: list[str], start: int, end: re.Pattern[str], name: str) -> tuple[str, int]:
    """Return the front matter that begins after line *start*, and the number of lines up to its end.

    Lines before it are empty in the block, so that the second line of the block is
    the third of the file wherever it begins.
    """
    last = next((n for n, line in enumerate(lines[start + 1 :], start + 1) if end.fullmatch(line)), None)
    if last is None:
        fix = f"put a line {lines[start].strip()} after the last key"
        raise SourceError([Fault(name, start + 1, "front matter is not closed", fix, "front-matter")])
    block = "\n" * start + "\n".join(lines[start + 1 : last]) + "\n"
    if len(block) > MAX_FRONT_MATTER:
        raise _too_long(name, len(block))
    return block, last + 1


def _split_toml(lines: list[str], start: int, name: str) -> SourceText:
    block, after = _block(lines, start, _TOML_DELIMITER, name)
    entries = tuple(MetadataEntry(*entry) for entry in toml_entries(block, name))
    source = SourceText(entries, "\n".join(lines[after:]), after + 1)
    faults = []
    for entry in entries:  # written as an escape, as in "\u0001"
        text = "".join(entry.value or ())
        if bad := CONTROL_CHARACTER.search(text):
            what = f"has a control character (U+{ord(bad[0]):04X})"
            faults.append(Fault(name, entry.line, what, "remove the escape", "encoding"))
    if faults:
        raise InvalidFrontMatter(faults, source)
    return source


def _split_yaml(lines: list[str], start: int, name: str) -> SourceText:
    block, after = _block(lines, start, _DELIMITER, name)
    try:
        if len(block) > _MAX_DEPTH:
            _check_depth(block, name)
        node = yaml.compose(block, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark and error.context_mark and re.search("flow|quoted|simple key", error.context or ""):
            start = block.rfind("\n", 0, mark.index) + 1
            if mark.index >= len(block.rstrip()) or _KEY_LINE.match(block[start:].partition("\n")[0]):
                mark = error.context_mark  # of the bracket or the quotation mark that is not closed
        line = _line_of(block, mark) if mark else 1
        fix = "put the value in double quotes if it holds : # [ ] { } & * ! | > or %"
        if "expected ':'" in str(error.problem):
            fix = "write `key: value`, with a space after the colon"
        if "\t" in block.split("\n")[line - 2]:
            fix = "write spaces for the tab"
        raise SourceError([Fault(name, line, f"is not YAML: {error.problem}", fix, "front-matter")]) from None
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise SourceError(
            [Fault(name, 1, f"is not YAML: {what}", "write plain text", "front-matter")]
        ) from None
    entries, faults = _yaml_entries(node, name, block) if node is not None else ([], [])
    source = SourceText(tuple(entries), "\n".join(lines[after:]), after + 1)
    if faults:
        raise InvalidFrontMatter(faults, source)
    return source


def _line_of(block: str, mark: Any) -> int:
    """Return the line of *mark* in the file; YAML's own count takes U+2028 for a line break."""
    return block.count("\n", 0, mark.index) + 2


def _check_depth(block: str, name: str) -> None:
    """Refuse nesting on which libyaml would overflow the stack."""
    depth = 0
    for event in yaml.parse(block, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            line = _line_of(block, event.start_mark)
            raise SourceError(
                [Fault(name, line, "is nested too deeply", "write texts and flat lists", "front-matter")]
            )


def _yaml_entries(node: yaml.Node, name: str, block: str) -> tuple[list[MetadataEntry], list[Fault]]:
    if not isinstance(node, yaml.MappingNode):
        fix = "write lines such as `title: …`, with a space after the colon"
        if re.search(r"^\s*[\w-]+\s*=", block, re.MULTILINE):
            fix = "write `title: …` for `title = …`, or +++ for both --- lines"
        raise SourceError([Fault(name, 2, "front matter has no keys", fix, "front-matter")])
    entries: list[MetadataEntry] = []
    faults: list[Fault] = []
    for key, value in node.value:
        line = _line_of(block, key.start_mark)
        scalars = value.value if isinstance(value, yaml.SequenceNode) else [value]
        faults.extend(fault for scalar in scalars if (fault := _scalar_fault(scalar, name, block)))
        if not isinstance(key, yaml.ScalarNode):
            faults.append(Fault(name, line, "a key is not a string", "write `key: value`", "front-matter"))
        elif isinstance(value, yaml.ScalarNode):
            entries.append(MetadataEntry(key.value.strip().lower(), value.value, line))
        elif isinstance(value, yaml.SequenceNode) and all(
            isinstance(item, yaml.ScalarNode) for item in value.value
        ):
            items = tuple(item.value for item in value.value)
            entries.append(MetadataEntry(key.value.strip().lower(), items, line))
        else:
            entries.append(MetadataEntry(key.value.strip().lower(), None, line))
    return entries, faults


def _scalar_fault(node: yaml.Node, name: str, block: str) -> Fault | None:
    """Return the fault of a scalar that YAML would not read as its author wrote it, or None."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    if bad := CONTROL_CHARACTER.search(node.value):  # written as an escape, as in "\x01"
        what = f"has a control character (U+{ord(bad[0]):04X})"
        return Fault(name, _line_of(block, node.start_mark), what, "remove the escape", "encoding")
    if node.tag.startswith("!") and node.tag != "!":  # `title: !important` would be an empty title
        fix = "put the value in double quotes"
        line = _line_of(block, node.start_mark)
        return Fault(name, line, f"YAML reads {node.tag[:40]!r} as a type", fix, "front-matter")
    end: Any = node.end_mark
    rest = block[end.index :].partition("\n")[0]
    comment = re.match(r"(?P<gap>[ \t]*)#(?P<next>[^\s#]?)", rest)
    # YAML reads `title: Issue #12` as "Issue"; an intended comment has two spaces before and one after its #,
    # or follows a date, a number or a flag.
    intended = comment and not comment["next"] and _NOT_TEXT.fullmatch(node.value)
    if (
        not intended
        and not node.style
        and comment
        and (comment["next"] or (node.value and comment["gap"] == " "))
    ):
        fix = "put the value in double quotes, or two spaces before the comment and one after its #"
        return Fault(
            name, _line_of(block, end), f"YAML reads {rest.strip()[:40]!r} as a comment", fix, "front-matter"
        )
    return None


def _too_long(name: str, length: int) -> SourceError:
    what = f"front matter has {length} characters or more; the limit is {MAX_FRONT_MATTER}"
    return SourceError([Fault(name, 1, what, "move text into the page", "front-matter")])


def _split_key_lines(lines: list[str], name: str) -> SourceText:
    entries: list[MetadataEntry] = []
    length = 0
    for number, line in enumerate(lines, 1):
        length += len(line) + 1
        if length > MAX_FRONT_MATTER:
            raise _too_long(name, length)
        if not line.strip():
            return SourceText(tuple(entries), "\n".join(lines[number:]), number + 1)
        if found := _KEY_LINE.match(line):
            value = (found["value"] or "").strip()
            entries.append(MetadataEntry(found["key"].lower(), value, number))
        elif line[0] in " \t":  # Python-Markdown's continuation line
            last = entries.pop()
            joined = f"{last.value} {line.strip()}".strip()
            entries.append(MetadataEntry(last.key, joined, last.line))
        else:
            fix = "write `Key: value`, or leave a blank line before the text"
            what = f"is not a `Key: value` line: {line[:40]!r}"
            raise SourceError([Fault(name, number, what, fix, "front-matter")])
    return SourceText(tuple(entries), "", len(lines) + 1)
