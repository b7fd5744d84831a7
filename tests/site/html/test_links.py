"""Every form of link that an author may write leads where it should, or is refused with a way out."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.site.content.document import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html.links import BrokenLink, ImageFacts, LinkContext, LinkTarget, file_url, resolve_link

steady = settings(derandomize=True, max_examples=300, deadline=None, database=None)

MEMBERS = "content/members/list.pdf"
HERE = "content/posts/here.md"
CONTEXT = LinkContext(
    urls={
        HERE: "/posts/here/",
        "content/posts/one.md": "/posts/one/",
        "content/posts/Über uns & euch.md": "/posts/uber-uns-euch/",
        "content/pages/about.md": "/about/",
        "content/pages/index.md": "/",
        "content/guide/README.md": "/guide/",
        "content/members/inside.md": "/members/inside/",
    },
    hidden={"content/posts/draft.md": "draft"},
    files=frozenset(
        (
            *("content/files/a.pdf", "content/files/a b (c).pdf", "content/images/a.png", MEMBERS),
            *("content/extra/humans.txt", "content/posts/beside.csv"),
            "content/files/" + unicodedata.normalize("NFD", "Übung.txt"),
        )
    ),
    images={"content/images/a.png": ImageFacts("a.12345678.png", 4, 3)},
    broken=frozenset({"content/posts/broken.md"}),
)


def document(path: str = HERE, *, gated: bool = False, url: str = "/posts/here/") -> Document:
    meta = Metadata("Here", date=datetime(2026, 1, 1, tzinfo=UTC))
    return Document(path, "post", gated, meta, "", 5, "", "here", "en", url, None, "")


@pytest.mark.parametrize(
    ("href", "url", "file"),
    [
        # relative to the source file
        ("one.md", "/posts/one/", ""),
        ("./one.md", "/posts/one/", ""),
        ("one.md#part", "/posts/one/#part", ""),
        ("one.md?a=b#c", "/posts/one/?a=b#c", ""),
        ("../pages/about.md", "/about/", ""),
        ("../pages/index.md", "/", ""),
        ("Über uns & euch.md", "/posts/uber-uns-euch/", ""),
        ("%C3%9Cber%20uns%20&%20euch.md#e", "/posts/uber-uns-euch/#e", ""),
        ("../members/inside.md", "/members/inside/", ""),
        ("beside.csv", "/posts/beside.csv", "content/posts/beside.csv"),
        ("../files/a.pdf#page=2", "/files/a.pdf#page=2", "content/files/a.pdf"),
        ("../files/a b (c).pdf", "/files/a%20b%20%28c%29.pdf", "content/files/a b (c).pdf"),
        ("../images/a.png", "/assets/a.12345678.png", "content/images/a.png"),
        ("../extra/humans.txt", "/humans.txt", "content/extra/humans.txt"),
        # site-absolute
        ("/posts/one.md", "/posts/one/", ""),
        ("/files/a.pdf", "/files/a.pdf", "content/files/a.pdf"),
        ("/images/a.png", "/assets/a.12345678.png", "content/images/a.png"),
        ("/tech/", "/tech/", ""),
        ("/tech/#part", "/tech/#part", ""),
        # as GitLab resolves them: below the project, and the page of a directory
        ("/content/posts/one.md#x", "/posts/one/#x", ""),
        ("/content/files/a.pdf", "/files/a.pdf", "content/files/a.pdf"),
        ("../guide/", "/guide/", ""),
        ("../guide", "/guide/", ""),
        ("../guide/README.md?plain=1#x", "/guide/?plain=1#x", ""),
        ("../pages/#x", "/#x", ""),
        ("../v1.2/#x", "/posts/v1.2/#x", ""),
        ("../release-1.2", "/posts/release-1.2/", ""),
        # Pelican's marks
        ("{filename}one.md", "/posts/one/", ""),
        ("{filename}/pages/about.md#a", "/about/#a", ""),
        ("|filename|one.md", "/posts/one/", ""),
        ("%7Bfilename%7Done.md", "/posts/one/", ""),
        ("{Filename}one.md", "/posts/one/", ""),
        ("{static}../files/a.pdf?dl=1", "/files/a.pdf?dl=1", "content/files/a.pdf"),
        ("{attach}/images/a.png", "/assets/a.12345678.png", "content/images/a.png"),
        ("{tag}C++", "/tags/c-plus-plus/", ""),
        ("{tag}two%20words", "/tags/two-words/", ""),
        ("{tag}C#", "/tags/c-sharp/", ""),
        ("{tag}C%23", "/tags/c-sharp/", ""),
        ("{category}Ein Fach", "/categories/ein-fach/", ""),
        ("{category}.NET", "/categories/net/", ""),
        ("{tag}日本語", "/tags/ri-ben-yu/", ""),
        ("|tag|C#", "/tags/c-sharp/", ""),
        ("{index}", "/", ""),
        ("{index}#x", "/#x", ""),
        # other hosts, and fragments of the page
        ("https://example.org/a?b#c", "https://example.org/a?b#c", ""),
        ("HTTP://example.org", "HTTP://example.org", ""),
        ("//example.org/a", "//example.org/a", ""),
        ("mailto:a@example.org", "mailto:a@example.org", ""),
        ("tel:+49301234", "tel:+49301234", ""),
        ("#part", "#part", ""),
        ("?page=2", "?page=2", ""),
        (" one.md ", "/posts/one/", ""),
        # a path without a suffix is a URL path
        ("../one/", "/posts/one/", ""),
        ("..", "/posts/", ""),
        ("../..", "/", ""),
        ("../../../..", "/", ""),
        # reported with its own fault
        ("broken.md", "#", ""),
    ],
)
def test_a_link_resolves_to_its_url(href: str, url: str, file: str) -> None:
    """Authors link to files; readers follow URLs."""
    assert resolve_link(href, document(), CONTEXT) == LinkTarget(url, file)


@pytest.mark.parametrize(
    ("href", "what", "fix"),
    [
        ("", "links to nothing", "write where the link leads"),
        ("other.md", "links to content/posts/other.md, which does not exist",
         "fix the path, or add the file"),
        ("ones.md", "links to content/posts/ones.md, which does not exist",
         "did you mean content/posts/one.md?"),
        ("Beside.CSV", "links to content/posts/Beside.CSV, which does not exist", "did you mean beside.csv?"),
        ("../Files/a.PDF", "links to content/Files/a.PDF, which does not exist",
         "did you mean content/files/a.pdf?"),
        ("about.md", "links to content/posts/about.md, which does not exist",
         "did you mean content/pages/about.md?"),
        ("/members/list.pdf", f"shows {MEMBERS}, which is for members only",
         "move the file out of content/members, or the page into it"),
        ("draft.md", "links to content/posts/draft.md, which is not published (draft)",
         "publish it, or remove the link"),
        ("{filename}draft.md", "links to content/posts/draft.md, which is not published (draft)",
         "publish it, or remove the link"),
        ("{static}nothing.pdf", "links to content/posts/nothing.pdf, which does not exist",
         "fix the path, or add the file"),
        ("../members/list.pdf", f"shows {MEMBERS}, which is for members only",
         "move the file out of content/members, or the page into it"),
        ("../../site.toml", "links to site.toml, which does not exist", "fix the path, or add the file"),
        ("../../../secret.txt", "links to ../secret.txt, which does not exist",
         "fix the path, or add the file"),
        ("%2e%2e/%2e%2e/site.toml", "links to site.toml, which does not exist",
         "fix the path, or add the file"),
        ("{static}/../site.toml", "links to site.toml, which does not exist",
         "fix the path, or add the file"),
        ("www.example.org", "links to content/posts/www.example.org, which does not exist",
         "write https:// in front of it"),
        ("javascript:alert(1)", "links to a javascript: URL", "use https:, mailto: or a path"),
        (" JavaScript:x", "links to a javascript: URL", "use https:, mailto: or a path"),
        ("data:text/html,x", "links to a data: URL", "use https:, mailto: or a path"),
        ("file:///etc/passwd", "links to a file: URL", "use https:, mailto: or a path"),
        ("htps://example.org", "links to htps://example.org with the unknown scheme htps:",
         "did you mean https?"),
        ("c:/windows", "links to c:/windows with the unknown scheme c:", "use https:, mailto: or a path"),
        ("https:example.org", "links to https:example.org, which has no host", "write https://…"),
        ("http://[::1", "links to http://[::1, which is not a URL (Invalid IPv6 URL)", "fix it"),
        ("//[", "links to //[, which is not a URL (Invalid IPv6 URL)", "fix it"),
        ("https://a:b/", "links to https://a:b/, which is not a URL "
         "(Port could not be cast to integer value as 'b')", "fix it"),
    ],
)  # fmt: skip
def test_a_link_without_a_target_is_refused(href: str, what: str, fix: str) -> None:
    """A broken link that is published is found by a reader."""
    with pytest.raises(BrokenLink) as caught:
        resolve_link(href, document(), CONTEXT)
    assert caught.value.args == (what, fix)


def test_a_name_may_be_composed_or_decomposed() -> None:
    """macOS writes Ü as two characters, and keyboards as one."""
    for form in ("NFC", "NFD"):
        found = resolve_link("../files/" + unicodedata.normalize(form, "Übung.txt"), document(), CONTEXT)
        assert found.file in CONTEXT.files


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("list.pdf", "/members/list.pdf"),
        ("../files/a.pdf", "/members/files/a.pdf"),
        ("../images/a.png", "/members/assets/a.12345678.png"),
        ("../posts/one.md", "/posts/one/"),
        ("../extra/humans.txt", "/humans.txt"),
    ],
)
def test_what_a_members_page_shows_is_for_members(href: str, url: str) -> None:
    """An attachment in public would tell what the page does not."""
    page = document("content/members/inside.md", gated=True, url="/members/inside/")
    assert resolve_link(href, page, CONTEXT).url == url


def test_files_keep_their_names_and_images_get_hashed_ones() -> None:
    """People link to files; browsers keep images for a year."""
    assert file_url("content/files/a b (c).pdf", False, CONTEXT) == "/files/a%20b%20%28c%29.pdf"
    assert file_url("content/images/a.png", True, CONTEXT) == "/members/assets/a.12345678.png"


PARTS = st.sampled_from(
    (
        *("..", ".", "/", "//", "#", "?", "%2e%2e", "%", "%00", "\0", "[", "]", ":", "@", "\\", " ", "\n"),
        *("{static}", "{filename}", "{tag}", "|attach|", "http:", "one.md", "posts", "a.pdf", "members"),
    )
)


WRITTEN = st.lists(PARTS, max_size=8)


@steady
@given(WRITTEN.map("".join) | WRITTEN.map("/".join) | st.text(max_size=20))
def test_resolving_is_total_and_never_leaves_the_content(href: str) -> None:
    """Whatever is written, it is a target or a broken link, and a target's file is one that was found."""
    try:
        found = resolve_link(href, document(), CONTEXT)
    except BrokenLink as broken:
        assert len(broken.args) == 2  # noqa: PT017  # what is wrong, and the way out
        return
    assert found.file == "" or found.file in CONTEXT.files
    assert found.file != MEMBERS
