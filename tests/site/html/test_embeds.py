"""No page view contacts another host: frames and images of one become links."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from pipelines.site.html.embeds import replace_external_images, replace_frames, show_media
from pipelines.site.html.fault_report import FaultReport
from tests.site.html.fragments import A, html
from tests.site.html.trees import run_pass

HOSTS = frozenset(["https://img.example"])


def frames(tree: LexborHTMLParser, report: FaultReport) -> None:
    replace_frames(tree, report, HOSTS, "Content of")


def images(tree: LexborHTMLParser, report: FaultReport) -> None:
    replace_external_images(tree, report, HOSTS)


@pytest.mark.parametrize(
    ("written", "expected", "checks"),
    [
        (
            '<iframe src="https://img.example/v" title="A  film" width=9></iframe>',
            '<p><a href="https://img.example/v">Content of img.example: A film</a></p>',
            [],
        ),
        (
            '<iframe src="https://img.example/v" title=" "></iframe>',
            '<p><a href="https://img.example/v">Content of img.example</a></p>',
            ["frame-title"],
        ),
        (
            "<p><iframe src=//img.example/v></iframe></p>",
            '<p><a href="//img.example/v">Content of img.example</a></p>',
            ["frame-title"],
        ),
        (
            '<p>a <iframe src="//www.other.example/v"></iframe></p>',
            '<p>a <a href="//www.other.example/v">Content of other.example</a></p>',
            ["external-frame"],
        ),
        ("<iframe src=/x/></iframe>", '<p><a href="/x/">/x/</a></p>', ["external-frame"]),
        ("<iframe src=https://img.example><b>swallowed</b>",
         '<iframe src="https://img.example"><b>swallowed</b></iframe>', []),
        ("<iframe srcdoc=x></iframe>", '<iframe srcdoc="x"></iframe>', []),
    ],
)  # fmt: skip
def test_a_frame_becomes_a_link(written: str, expected: str, checks: list[str]) -> None:
    """The sanitizer refuses what stays: a frame without an address, or one that is not closed."""
    found, findings = run_pass(written, frames)
    assert (found, [check for check, _ in findings]) == (expected, checks)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('<img src="https://x.example/a.png" alt="A cat" title="t">',
         '<a href="https://x.example/a.png" title="t">A cat</a>'),
        ('<img src="//x.example/b/a.png" alt="">', '<a href="//x.example/b/a.png">x.example/a.png</a>'),
        ('<a href="/ci"><img src="http://x.example/a.svg" alt="build: ok"></a>',
         '<a href="/ci">build: ok</a>'),
        ('<picture><source srcset="https://img.example/d.png"><img alt=x src="https://x.example/a"></picture>',
         '<a href="https://x.example/a">x</a>'),
        ('<img alt=x src=/a srcset="/a 1x, https://x.example/b 2x">', '<img alt="x" src="/a">'),
        (r'<img alt=x src="/\x.example/a.png">', r'<a href="/\x.example/a.png">x</a>'),
        (r"<img alt=x src=https:\\x.example\@img.example>",
         r'<a href="https:\\x.example\@img.example">x</a>'),
        ('<video src="https://img.example/v.mp4" title=Film></video>',
         '<a href="https://img.example/v.mp4" title="Film">Film</a>'),
        ("<video><source src=https://x.example/v.mp4></video>",
         '<a href="https://x.example/v.mp4">x.example/v.mp4</a>'),
        ("<video><source src=/v.mp4><source src=https://x.example/v.mp4></video>",
         '<video><source src="/v.mp4"></video>'),
    ],
)  # fmt: skip
def test_an_image_of_another_host_becomes_a_link(written: str, expected: str) -> None:
    """With its alternative text; within a link the text alone, since links do not nest."""
    found, findings = run_pass(written, images)
    assert (found, {check for check, _ in findings}) == (expected, {"external-image"})


@pytest.mark.parametrize(
    "written",
    [
        '<img src="https://img.example/a.png" alt="x">',
        '<img src="//IMG.example/a.png" alt="x">',
        '<img src="/a.png" alt="x">',
        '<img src="data:image/png;base64,x" alt="x">',
    ],
)
def test_images_of_a_listed_host_stay(written: str) -> None:
    """What is not a URL of another host is for the sanitizer."""
    assert run_pass(written, images) == (written, [])


def test_a_host_is_scheme_name_and_port() -> None:
    """The Content-Security-Policy compares all three."""
    for url in ("http://img.example/a", "https://img.example:8443/a", "https://img.example.org/a"):
        assert run_pass(f'<img src="{url}" alt="x">', images)[1] != []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '<img src="a/v.MP4?x" alt="A film" width="300" loading="lazy">',
            '<video controls="" preload="metadata" src="a/v.MP4?x" aria-label="A film" width="300"></video>',
        ),
        (
            '<img src="a.mp3" alt="" title="t" height="3">',
            '<audio controls="" preload="metadata" src="a.mp3" title="t"></audio>',
        ),
        ('<img src="mp4.png" alt="">', '<img src="mp4.png" alt="">'),
    ],
)
def test_an_image_of_a_film_or_a_sound_is_a_player(written: str, expected: str) -> None:
    """As GitLab shows ``![A film](v.mp4)``."""
    assert run_pass(written, lambda tree, _: show_media(tree)) == (expected, [])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", 'width="40" height="30"'),
        ("width=300", 'width="300" height="225"'),
        ("height=3", 'height="3" width="4"'),
        ("width=7 height=9", 'width="7" height="9"'),
        ("width=50%", 'width="50%"'),
        ("loading=eager", 'loading="eager" width="40" height="30"'),
    ],
)
def test_what_the_author_wrote_about_an_image_stays(attributes: str, expected: str) -> None:
    """One side of the size decides the other, so that the page does not move while it loads."""
    written = f'<img alt="x" src="../images/a.png" {attributes}>'
    assert html(written) == f'<p><img alt="x" {A} {expected} decoding="async"></p>'
