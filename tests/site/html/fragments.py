"""Convert and postprocess the Markdown of one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.document import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html import postprocess
from pipelines.site.html.labels import Labels
from pipelines.site.html.links import ImageFacts, LinkContext
from pipelines.site.html.postprocess import DiagramRenderer, Fragment
from pipelines.site.markdown.converter import convert_markdown

CONTEXT = LinkContext(
    urls={"content/posts/here.md": "/posts/here/", "content/posts/one.md": "/posts/one/"},
    hidden={},
    files=frozenset(
        (
            *("content/images/a.png", "content/images/b.png", "content/files/film.mp4"),
            *("content/files/a.pdf", "content/diagrams/parts.puml"),
        )
    ),
    images={
        "content/images/a.png": ImageFacts("a.11111111.png", 40, 30),
        "content/images/b.png": ImageFacts("b.22222222.png", 80, 60),
    },
)

LABELS = Labels()
A = 'src="/assets/a.11111111.png"'


def diagram_figure(path: str, source: str, line: int) -> str:
    """Return the figure of a diagram."""
    return f"<figure>{path or source.split()[0]}</figure>"


def outcome(
    body: str,
    summary: str = "",
    *,
    image: str = "",
    gated: bool = False,
    diagram: DiagramRenderer = diagram_figure,
    context: LinkContext = CONTEXT,
    dialect: str = "python-markdown",
    labels: Labels = LABELS,
) -> tuple[Fragment, Sequence[Fault]]:
    """Convert and postprocess *body*, which begins on line 5; the summary is on line 3."""
    meta = Metadata("Here", summary=summary, image=image, lines=(("summary", 3), ("image", 4)))
    path = "content/posts/here.md"
    document = Document(path, "post", gated, meta, body, 5, "", "here", "en", "/posts/here/", None, "")
    converted = convert_markdown(body, summary, path, 5, dialect=dialect)
    return postprocess.postprocess(document, converted, context, diagram, labels)


def finish(body: str, summary: str = "", **options: Any) -> Fragment:
    """Return the fragment of ``outcome``; raise SourceError with the findings, if there are any."""
    fragment, findings = outcome(body, summary, **options)
    if findings:
        raise SourceError(findings)
    return fragment


def html(body: str) -> str:
    return finish(body).html.strip()


def faults(body: str, summary: str = "") -> list[str]:
    with pytest.raises(SourceError) as caught:
        finish(body, summary)
    return [f"{fault.line}: {fault.text}" for fault in caught.value.faults]
