"""``python -m benchmarks.build.libraries``: what the libraries of a build cost alone.

Each post goes through the libraries that a page needs: as their documentation shows them, without
additions, on a page of the theme of stock Pelican in benchmarks/peers. Their sum is the least that a
build in Python takes, which also reads, checks and lists. Hugo builds the same posts in turns.

Works in a temporary directory. Writes its section of benchmarks/RESULTS.md. No network.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from time import process_time
from types import SimpleNamespace
from typing import Any

import jinja2
import yaml
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from selectolax.lexbor import LexborHTMLParser

from benchmarks import corpus, programs, report
from benchmarks.build.generators import GENERATORS, HUGO, PEERS
from benchmarks.build.scenarios import Project
from benchmarks.corpus import Post
from benchmarks.measure import median, run_command
from pipelines.site.html.inspect import minify_page
from pipelines.site.output.compression import compress_page

_RULES = ["table", "strikethrough"]
_BAR = 2.0  # of a first build: its wall time against Hugo's
_TEXT = """\
CPU seconds of {pages:,} generated posts (benchmarks/corpus.py) in one process, medians of {rounds} rounds
in turns with Hugo. Each step calls one library as its documentation shows it. No
file, Git history, list or feed is in these figures, and no rule, check or sanitizer of the build.

{table}

{hugo} takes {wall:.2f} s of wall time on the same {cores} cores. A build that takes {bar:g} times as long
has {limit:.1f} CPU seconds; the libraries take {share:.0%} of them. The load average before was {load:.1f}.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One library: a function of the post and of what the step before returned."""

    name: str
    run: Callable[[Post, Any], Any]


def steps(posts: Sequence[Post]) -> tuple[Step, ...]:
    """Return the steps from the file of one of *posts* to its compressed page."""
    blocks = _code_blocks(posts)
    html: dict[tuple[str, str], str] = {}  # of a code block
    options = {"highlight": lambda code, language, _attributes: html[code, language]}
    markdown = MarkdownIt("commonmark", options).enable(_RULES)
    loader = jinja2.FileSystemLoader(PEERS / "pelican/theme/templates")
    template = jinja2.Environment(loader=loader).get_template("article.html")
    return (
        Step("PyYAML: front matter", lambda post, _: yaml.load(_front_matter(post), yaml.CSafeLoader)),
        Step(
            "Pygments: code",
            lambda post, _: html.update({one: _highlight(*one) for one in blocks[post.name]}),
        ),
        Step("markdown-it-py: text", lambda post, _: markdown.render(post.body)),
        Step("Lexbor: parse and write the text", lambda _, html: LexborHTMLParser(html).html or ""),
        Step("Jinja: page", lambda post, html: template.render(article=_article(post, html))),
        Step("Lexbor: parse the page, find its links", _links),
        Step("minify-html: page", lambda _, page: minify_page(page)),
        Step(
            "libdeflate, brotli: page", lambda _, page: compress_page(page.encode(), PurePath("index.html"))
        ),
    )


def _front_matter(post: Post) -> str:
    return f"title: {post.title!r}\ndate: {post.date.isoformat()}\ntags: {list(post.tags)}\n"


def _code_blocks(posts: Sequence[Post]) -> dict[str, list[tuple[str, str]]]:
    """Return the text and language of each code block by the name of the post: no step finds them twice."""
    parse = MarkdownIt("commonmark").enable(_RULES).parse
    return {
        post.name: [(one.content, one.info) for one in parse(post.body) if one.type == "fence"]
        for post in posts
    }


def _highlight(code: str, language: str) -> str:
    if not language:
        return ""
    return str(highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True)))


def _article(post: Post, html: str) -> SimpleNamespace:
    tags = [SimpleNamespace(url=f"tags/{name}/") for name in post.tags]
    category = SimpleNamespace(url=f"categories/{post.category}/")
    other = SimpleNamespace(url="posts/other/", title="Another post")
    return SimpleNamespace(
        title=post.title, date=post.date, tags=tags, category=category, content=html,
        summary=post.body[:200], newer=other, older=other,
    )  # fmt: skip


def _links(_: Post, page: str) -> str:
    tree = LexborHTMLParser(page)
    assert [node.attributes["href"] for node in tree.css("a[href]")]
    return page


def run_once(posts: Sequence[Post]) -> dict[str, float]:
    """Return the CPU seconds of each step for all *posts*."""
    found = {}
    results: Sequence[Any] = [None] * len(posts)
    for step in steps(posts):
        start = process_time()
        results = [step.run(post, result) for post, result in zip(posts, results, strict=True)]
        found[step.name] = process_time() - start
    return found


def measure(pages: int, rounds: int) -> tuple[dict[str, float], float]:
    """Return the median CPU seconds by step, and the median wall time of Hugo in seconds."""
    posts = corpus.generate(pages)
    (hugo,) = (one for one in GENERATORS if one.name == HUGO)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        project = Project(hugo, folder, hugo.write(folder, posts), posts)
        turns = [(run_command(project.command()), run_once(posts)) for _ in range(rounds)]
    by_step = {name: statistics.median(turn[1][name] for turn in turns) for name in turns[0][1]}
    return by_step, median([turn[0] for turn in turns], lambda run: run.wall)


def table(by_step: dict[str, float]) -> str:
    """Return the rows of the report."""
    rows = [("all", sum(by_step.values())), *by_step.items()]
    lines = [f"| {name} | {seconds:.2f} |" for name, seconds in (*rows[1:], rows[0])]
    return "\n".join(["| library | CPU s |", "|---|---:|", *lines])


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build.libraries")
    parser.add_argument("--pages", type=int, default=1000, help="posts (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    options = parser.parse_args()
    programs.require("hugo")
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    by_step, wall = measure(options.pages, options.rounds)
    limit = _BAR * wall * cores
    text = _TEXT.format(
        pages=options.pages, rounds=options.rounds, table=table(by_step), hugo=programs.version("hugo"),
        wall=wall, cores=cores, bar=_BAR, limit=limit, share=sum(by_step.values()) / limit, load=load,
    )  # fmt: skip
    report.write_section("What the libraries of a build cost", "benchmarks.build.libraries", text)
    print(text)


if __name__ == "__main__":
    main()
