"""What a build did and why, for ``build --why`` and ``build --timings``.

Values only. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from pipelines.site.reads import Read


class Work(Struct, frozen=True):
    """How one result of a build came about."""

    why: str  # why it was computed, in this build or in the one that stored it
    now: bool  # in this build
    seconds: float = 0.0  # that it took in this build


class BuildReport(Struct):
    """The work of one build; ``build`` fills it."""

    explain: bool = False  # what each page reads is wanted: the build runs even if nothing changed
    unchanged: bool = False  # nothing changed since the last build
    converted: dict[str, Work] = field(default_factory=dict)  # by path of the document
    rendered: dict[str, Work] = field(default_factory=dict)  # by name of the output file
    templates: dict[str, str] = field(default_factory=dict)  # name of the output file -> its template
    sources: dict[str, str] = field(default_factory=dict)  # name of the output file -> its document
    reads: dict[str, tuple[Read, ...]] = field(default_factory=dict)  # by name of the output file
    phases: Mapping[str, float] = field(default_factory=dict)  # seconds
    plugins: Mapping[str, float] = field(default_factory=dict)  # seconds, of plugins of Pelican


def describe_read(read: Read) -> str:
    """Return an input of a page in words."""
    match read:
        case ("item", path):
            return f"content/{path}"
        case ("item", path, relation):
            return f"{_RELATIONS.get(relation, relation)} of content/{path}"
        case ("template", name):
            return f"theme/templates/{name}"
        case ("site", name):
            return f"{name} of site.toml"
        case ("strings", lang):
            return f"theme/strings for {lang}"
        case ("asset" | "svg", name):
            return f"theme/{'images/' if read[0] == 'svg' else ''}{name}"
        case ("variable", "article" | "page"):
            return "what lists show of it"
        case ("variable", name):
            return f"the variable {name}"
        case ("settings",):
            return "pelicanconf.py"
        case ("job",):
            return "the kind of the page"
        case ("posts",):
            return "the list of its posts"
        case ("as-of",):
            return "the time of the build"
        case _:
            return " ".join(read)


_RELATIONS = {
    "prev_article": "the older neighbour",
    "next_article": "the newer neighbour",
    "related": "the related posts",
    "series": "the series",
    "translations": "the translations",
    "terms": "category and tags",
}


def describe_reads(reads: Iterable[Read]) -> list[str]:
    """Return the inputs of a page in words, templates first, then content, theme and settings."""
    order = ("template", "item", "posts", "variable", "strings", "asset", "svg", "site", "settings")
    known = {kind: place for place, kind in enumerate(order)}
    named = (one for one in reads if one[0] in known)
    return [describe_read(one) for one in sorted(named, key=lambda one: (known[one[0]], one))]
