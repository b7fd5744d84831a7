"""Every file of content/ becomes a page with one URL, a file, or a fault."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipelines.core import config
from pipelines.site.content import documents
from pipelines.site.content.addresses import UrlPatterns
from pipelines.site.content.documents import Content
from pipelines.tools.git_history import Change, History
from tests.support.project import SMALL_SITE, write

SITE = config.load_config(SMALL_SITE)  # lang = "en", timezone = "Europe/Berlin", login = true
URLS = UrlPatterns("posts/{slug}/", "{lang}/posts/{slug}/", "{path}/", "{lang}/{path}/", "basename")
NOON = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp())
CHANGED = Change(NOON, is_cut=False, is_added=False)


def text(**keys: str) -> str:
    """Return a document with a title, a date of 2026-01-01 and *keys*."""
    lines = {"title": "T", "date": "2026-01-01", **keys}
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in lines.items() if value) + "---\nWords.\n"


def read(
    project: Path,
    files: dict[str, str],
    *,
    login: bool = True,
    urls: UrlPatterns = URLS,
    history: History | None = None,
    as_of: int = NOON,
    drafts: bool = False,
) -> Content:
    (project / "content").mkdir(exist_ok=True)
    for name, body in files.items():
        write(project / "content" / name, body)
    site = dataclasses.replace(SITE, login=login)
    return documents.read_documents(project, site, urls, history, as_of=as_of, drafts=drafts)


def fault_lines(content: Content) -> list[str]:
    return [f"{fault.path}:{fault.line}: {fault.text}" for fault in content.faults]


@pytest.mark.parametrize(
    ("name", "keys", "url", "kind"),
    [
        ("posts/a.md", {}, "/posts/a/", "post"),
        ("posts/2026/a.md", {}, "/posts/a/", "post"),
        ("posts/A b_C.md", {}, "/posts/a-b-c/", "post"),
        ("posts/Über uns.md", {}, "/posts/uber-uns/", "post"),
        ("posts/a.md", {"slug": "007"}, "/posts/007/", "post"),
        ("posts/a.md", {"lang": "de"}, "/de/posts/a/", "post"),
        ("posts/a.md", {"lang": "en"}, "/posts/a/", "post"),
        ("posts/a/index.md", {}, "/posts/a/", "post"),
        ("posts/a/index.md", {"slug": "b"}, "/posts/b/", "post"),
        ("posts/a/b/index.md", {}, "/posts/b/", "post"),
        ("posts/index.md", {}, "/posts/index/", "post"),
        ("posts/page.md", {}, "/posts/page/", "post"),
        ("pages/a.md", {}, "/a/", "page"),
        ("posts/2026-05-01-a.md", {}, "/posts/a/", "post"),
        ("posts/2026-05-01-a/index.md", {}, "/posts/a/", "post"),
        ("posts/2026-05-01.md", {}, "/posts/2026-05-01/", "post"),
        ("posts/a.md", {"slug": "v1.2"}, "/posts/v1.2/", "post"),
        ("posts/2026-05-01-Release v1.2.md", {}, "/posts/release-v1.2/", "post"),
        ("pages/v1.2/Node.js..md", {}, "/v1.2/node.js/", "page"),
        ("pages/a.html.md", {}, "/ahtml/", "page"),
        ("posts/a.md", {"url": "/2026/05/a.html"}, "/2026/05/a.html", "post"),
        ("posts/a.markdown", {}, "/posts/a/", "post"),
        ("posts/a.MD", {}, "/posts/a/", "post"),
        ("pages/Guide one/a.md", {}, "/guide-one/a/", "page"),
        ("pages/a/index.md", {}, "/a/", "page"),
        ("pages/a/b/index.md", {}, "/a/b/", "page"),
        ("pages/a/_index.md", {}, "/a/", "page"),
        ("pages/_index.md", {}, "/", "page"),
        ("pages/a/b.md", {"slug": "c"}, "/a/c/", "page"),
        ("pages/a/b.md", {"lang": "de"}, "/de/a/b/", "page"),
        ("pages/a/b.md", {"access": "members"}, "/members/a/b/", "page"),
        ("pages/a/b.md", {"url": "/c/d/", "lang": "de"}, "/c/d/", "page"),
        ("pages/2026-05-01-a.md", {}, "/2026-05-01-a/", "page"),
        ("pages/posts/guide.md", {}, "/posts/guide/", "page"),
        ("pages/a.md", {"tags": "x", "category": "y"}, "/a/", "page"),
        ("members/a/b.md", {}, "/members/a/b/", "page"),
        ("members/a.md", {"url": "/members/x/y.html"}, "/members/x/y.html", "page"),
        ("posts/2026/a.md", {"access": "members"}, "/members/a/", "page"),
        ("pages/a.md", {"lang": "de"}, "/de/a/", "page"),
        ("pages/index.md", {}, "/", "page"),
        ("pages/index.md", {"lang": "de-AT"}, "/de-AT/", "page"),
        ("pages/index.md", {"slug": "home"}, "/home/", "page"),
        ("pages/404.md", {}, "/404/", "page"),
        ("members/a.md", {}, "/members/a/", "page"),
        ("members/a/index.md", {}, "/members/a/", "page"),
        ("members/index.md", {}, "/members/", "page"),
        ("members/a.md", {"access": "members"}, "/members/a/", "page"),
        ("posts/a.md", {"access": "members"}, "/members/a/", "page"),
        ("pages/a.md", {"access": "Members"}, "/members/a/", "page"),
        ("pages/a.md", {"access": "public"}, "/a/", "page"),
        ("posts/a.md", {"access": "members", "lang": "de"}, "/members/a/", "page"),
    ],
)
def test_a_document_has_its_url(name: str, keys: dict[str, str], url: str, kind: str, tmp_path: Path) -> None:
    """The folder says what it is, the file name what it is called."""
    found = read(tmp_path, {name: text(**keys)})
    assert fault_lines(found) == []
    [document] = found.documents
    assert (document.url, document.kind, document.gated) == (url, kind, url.startswith("/members/"))
    assert document.save_as == (f"{url[1:]}index.html" if url.endswith("/") else url[1:])


@pytest.mark.parametrize(
    ("urls", "url"),
    [
        (replace(URLS, article="{date:%Y}/{slug}/"), "/2026/a/"),
        (replace(URLS, article="{slug}/"), "/a/"),
        (replace(URLS, slug_from="title"), "/posts/t/"),
        (replace(URLS, article="{year}/{month}/{day}/{slug}.html"), "/2026/01/01/a.html"),
        (replace(URLS, article="{category}/{path}/"), "/a-b/2026/a/"),
    ],
)
def test_urls_follow_pelican_s_settings(urls: UrlPatterns, url: str, tmp_path: Path) -> None:
    """Whoever moves here keeps the addresses that people have linked to."""
    [document] = read(tmp_path, {"posts/2026/a.md": text(category="A b")}, urls=urls).documents
    assert document.url == url


@pytest.mark.parametrize(
    ("name", "body", "fault"),
    [
        ("a.md", text(), "content/a.md:0: Markdown outside of posts, pages and members"),
        ("images/a.md", text(), "content/images/a.md:0: Markdown outside of posts, pages and members"),
        ("pages/a.md", "", "content/pages/a.md:1: has no title"),
        ("pages/a.md", "---\nlang: de\n---\nText.\n", "content/pages/a.md:1: has no title"),
        ("posts/a.md", "# A\n\nText.\n", "content/posts/a.md:1: a post must have a date"),
        ("posts/2026-02-30-a.md", "# A\n",
         "content/posts/2026-02-30-a.md:1: date '2026-02-30' is not a date"),
        ("posts/a.md", text(date=""), "content/posts/a.md:1: a post must have a date"),
        ("posts/!.md", text(), "content/posts/!.md:1: its name gives an empty URL"),
        (f"posts/{'转' * 60}.md", text(),
         f"content/posts/{'转' * 60}.md:1: its name is too long for a URL (359 characters)"),
        (f"files/{'a' * 250}.pdf", "x", f"content/files/{'a' * 250}.pdf:0: its name is too long (254 bytes)"),
        ("pages/posts.md", text(),
         "content/pages/posts.md:1: the URL /posts/ is reserved for a list of posts"),
        ("pages/a.md", text(slug="tags"),
         "content/pages/a.md:4: the URL /tags/ is reserved for a list of posts"),
        ("pages/series.md", text(),
         "content/pages/series.md:1: the URL /series/ is reserved for a list of posts"),
        ("pages/assets.md", text(), "content/pages/assets.md:1: the URL /assets/ is reserved for the server"),
        ("pages/account.md", text(),
         "content/pages/account.md:1: the URL /account/ is reserved for the server"),
        ("pages/members.md", text(),
         "content/pages/members.md:1: the URL /members/ is reserved for the server"),
        ("members/a.md", text(access="public"),
         "content/members/a.md:4: access: public in content/members"),
        ("pages/assets/a.md", text(),
         "content/pages/assets/a.md:0: the URL /assets/a/ is reserved for the server"),
        ("pages/Tags/a.md", text(),
         "content/pages/Tags/a.md:0: the URL /tags/a/ is reserved for a list of posts"),
        ("pages/!/a.md", text(), "content/pages/!/a.md:0: its directory '!' gives an empty URL"),
        ("pages/a.md", text(slug="feed.atom"),
         "content/pages/a.md:4: the URL /feed.atom/ is reserved for the server"),
        ("pages/a.md", text(url="/404.html"),
         "content/pages/a.md:4: the URL /404.html is reserved for the server"),
        ("pages/a.md", text(url="/members/a/"),
         "content/pages/a.md:4: the URL /members/a/ is reserved for the server"),
        ("posts/a.md", text(url="/a/", access="members"),
         "content/posts/a.md:4: the URL /a/ of a members' page is public"),
        ("members/a.md", text(series="x"), "content/members/a.md:4: series on a page: only posts have parts"),
        ("pages/a.md", text(id="urn:x:y"), "content/pages/a.md:4: id on a page: only posts are in feeds"),
        ("pages/a.md", "Title: T\n\naccess: members\n\nWords.\n",
         "content/pages/a.md:3: 'access: members' comes after the front matter"),
        ("pages/a.md", "---\ntitle: T\n---\n---\nlayout: x\ndraft: true\n---\n\nWords.\n",
         "content/pages/a.md:6: 'draft: true' comes after the front matter"),
        ("pages/a.md", "---\ntitle: T\n---\n\nstatus:: draft\n\nWords.\n",
         "content/pages/a.md:5: 'status:: draft' comes after the front matter"),
        ("extra/admin/a", "x", "content/extra/admin/a:0: the URLs below /admin/ are reserved for the server"),
        ("extra/.htaccess", "x", "content/extra/.htaccess:0: files with a leading dot are not published"),
    ],
)  # fmt: skip
def test_metadata_or_files_without_effect_are_a_fault(
    name: str, body: str, fault: str, tmp_path: Path
) -> None:
    """No file and no key is dropped silently."""
    found = read(tmp_path, {name: body})
    assert fault_lines(found) == [fault]
    assert found.broken == {f"content/{name}"}


def test_a_key_that_nothing_reads_is_a_fault_of_a_page_that_is_built(tmp_path: Path) -> None:
    """The rest of the page is checked in the same run, and links to it are right."""
    found = read(tmp_path, {"posts/a.md": text(titel="x")})
    assert fault_lines(found) == ["content/posts/a.md:4: unknown key 'titel'"]
    assert ([one.url for one in found.documents], found.broken) == (["/posts/a/"], frozenset())


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("images/a.png", True),
        ("posts/a/b.csv", True),
        ("extra/a.md", True),
        ("extra/README.md", True),
        ("extra/LICENSE", True),
        ("extra/a.rst", True),
        ("posts/a.rst", True),
        ("posts/a.html", True),
        ("posts/readme.markdown", False),
        ("extra/.well-known/a", True),
        ("extra/.gitkeep", False),
        ("LICENSE", False),
        ("posts/README.md", False),
        ("posts/.a.md", False),
        ("posts/.a/b.png", False),
        ("posts/a.md~", False),
    ],
)
def test_files_that_are_no_documents(name: str, listed: bool, tmp_path: Path) -> None:
    """Licences, notes and what editors leave behind are not published; everything else may be."""
    found = read(tmp_path, {name: "x"})
    assert (found.files, fault_lines(found)) == (frozenset([f"content/{name}"] if listed else []), [])


@pytest.mark.parametrize(
    ("keys", "as_of", "drafts", "mark", "why"),
    [
        ({}, NOON, False, "", ""),
        ({"status": "draft"}, NOON, False, None, "draft"),
        ({"status": "draft"}, NOON, True, "draft", ""),
        ({"date": "2026-05-01 14:00"}, NOON, False, "", ""),  # to the second: due
        ({"date": "2026-05-01 14:00:01"}, NOON, False, None, "due 2026-05-01 14:00:01+02:00"),
        ({"date": "2026-05-01 14:00:01"}, NOON, True, "scheduled", ""),
        ({"date": "2026-05-01T12:00:00Z"}, NOON, False, "", ""),
        ({"date": "2026-05-02"}, NOON + 36000, False, "", ""),  # midnight in Berlin
        ({"date": "2026-05-02"}, NOON + 35999, False, None, "due 2026-05-02 00:00:00+02:00"),
        ({"date": "2026-05-02", "status": "draft"}, NOON, True, "draft", ""),
        ({"date": "2026-05-02", "access": "members"}, NOON, False, None, "due 2026-05-02 00:00:00+02:00"),
        ({"access": "members"}, NOON, False, "members", ""),
    ],
)
def test_drafts_and_posts_that_are_not_due_are_left_out(
    keys: dict[str, str], as_of: int, drafts: bool, mark: str | None, why: str, tmp_path: Path
) -> None:
    """The time is the caller's: a build never looks at the clock."""
    found = read(tmp_path, {"posts/a.md": text(**keys)}, as_of=as_of, drafts=drafts)
    assert [document.mark for document in found.documents] == ([] if mark is None else [mark])
    assert found.left_out == ((f"content/posts/a.md: {why}",) if why else ())
    assert dict(found.hidden) == ({"content/posts/a.md": why} if why else {})


@pytest.mark.parametrize(
    ("source", "hidden", "checked"),
    [
        (text(status="draft", modified="never", layout="x"), "draft", True),
        (text(status="draft", title="T #1"), "draft", True),
        (text(status="draft", dialect="x"), "draft", False),
        ("---\ntitle: A: b\nstatus: 'draft'\n---\n", "draft", False),
        ("\ufeff---\r\ntitle: A: b\r\nStatus: draft\r\n---\r\n", "draft", False),
        ('+++\nstatus = "draft"\ntitle = A\n+++\n', "draft", False),
        ("---\ntitle: A: b\n---\nstatus: draft\n", "", False),
        ("---\ntitle: A: b\nstatus: draft\n", "", False),
        (text(status="draft #1"), "draft", True),
        ("---\ntitle: A\ndate: 2026-01-01\nstatus: draft\nstatus: published\n---\n", "", True),
        (text(modified="never"), "", True),
        (text(date="2027-01-01", modified="never"), "due 2027-01-01 00:00:00+01:00", True),
    ],
)
def test_a_draft_with_invalid_front_matter_is_a_draft(
    source: str, hidden: str, checked: bool, tmp_path: Path
) -> None:
    """Its findings are warnings, its text is checked where its meaning is clear, and links to it are not."""
    found = read(tmp_path, {"posts/a.md": source})
    assert (found.documents, found.unpublished) == ((), ())
    assert dict(found.hidden) == ({"content/posts/a.md": hidden} if hidden else {})
    assert found.lenient == ({"content/posts/a.md"} if hidden == "draft" else frozenset())
    assert found.broken == (frozenset() if hidden else {"content/posts/a.md"})
    assert [one.path for one in found.invalid] == (["content/posts/a.md"] if checked else [])
    assert found.faults


def test_all_faults_of_a_front_matter_are_reported_at_once(tmp_path: Path) -> None:
    """Those of the YAML, of the keys, of the directory and of the address."""
    source = text(tags="a #b", layout="x", url="/account/", series="s", modified="never")
    assert sorted(fault_lines(read(tmp_path, {"pages/a.md": source}))) == [
        "content/pages/a.md:4: YAML reads '#b' as a comment",
        "content/pages/a.md:5: unknown key 'layout'",
        "content/pages/a.md:6: the URL /account/ is reserved for the server",
        "content/pages/a.md:7: series on a page: only posts have parts",
        "content/pages/a.md:8: modified 'never' is not a date",
    ]


def test_a_page_with_an_invalid_alias_has_the_others(tmp_path: Path) -> None:
    """[checks] may make the alias a warning: the page must not be missing."""
    [document] = read(tmp_path, {"posts/a.md": text(aliases="[/a b, c d]")}).documents
    assert document.meta.aliases == ("/a b",)


def test_a_site_without_login_has_no_members(tmp_path: Path) -> None:
    """Nobody could ever read them; the summary of a build says so."""
    files = {"members/a.md": text(), "posts/b.md": text(access="members"), "pages/c.md": text()}
    found = read(tmp_path, files, login=False, drafts=True)
    assert [document.url for document in found.documents] == ["/c/"]
    assert found.left_out == (
        "content/members/a.md: for members, and login = false in site.toml",
        "content/posts/b.md: for members, and login = false in site.toml",
    )


@pytest.mark.parametrize(
    ("files", "faults"),
    [
        ({"posts/a.md": text(), "posts/b/a.md": text()},
         ["content/posts/b/a.md:1: has the URL /posts/a/, as content/posts/a.md has"]),
        ({"posts/a.md": text(), "posts/a/index.md": text(), "posts/b.md": text(slug="a")},
         ["content/posts/a.md:1: has the URL /posts/a/, as content/posts/a/index.md has",
          "content/posts/b.md:4: has the URL /posts/a/, as content/posts/a/index.md has"]),
        ({"posts/a.md": text(access="members"), "members/a.md": text()},
         ["content/posts/a.md:1: has the URL /members/a/, as content/members/a.md has"]),
        ({"pages/de.md": text(), "pages/index.md": text(lang="de")},
         ["content/pages/index.md:1: has the URL /de/, as content/pages/de.md has"]),
        ({"posts/a.md": text(aliases="/b/"), "pages/b.md": text()},
         ["content/posts/a.md:4: alias /b/ is claimed by content/pages/b.md"]),
        ({"posts/a.md": text(aliases="/old"), "posts/b.md": text(aliases="/old/")},
         ["content/posts/b.md:4: alias /old/ is claimed by content/posts/a.md"]),
        ({"posts/a.md": text(aliases="/posts/a/")},
         ["content/posts/a.md:4: alias /posts/a/ is the URL of the page itself"]),
        ({"posts/a.md": text(aliases="/account/x/, /assets/y")},
         ["content/posts/a.md:4: alias /account/x/ is reserved for the server",
          "content/posts/a.md:4: alias /assets/y is reserved for the server"]),
        ({"members/a.md": text(aliases="/secret/")},
         ["content/members/a.md:4: alias /secret/ of a members' page is public"]),
        ({"members/a.md": text(aliases="/members/old/"), "posts/a.md": text(aliases="/members/moved/")}, []),
        ({"posts/a.md": text(), "posts/b.md": text(slug="a", status="draft")}, []),
        ({"pages/a.md": text(), "pages/a/index.md": text(), "pages/b/a.md": text()},
         ["content/pages/a.md:1: has the URL /a/, as content/pages/a/index.md has"]),
        ({"posts/a.md": text(url="/x/a.html"), "posts/b.md": text(url="/X/a.html")},
         ["content/posts/b.md:4: has the URL /X/a.html, as content/posts/a.md has"]),
        ({"posts/a.md": text(url="/x/"), "posts/b.md": text(aliases="/x")},
         ["content/posts/b.md:4: alias /x is claimed by content/posts/a.md"]),
        ({"posts/a.md": text(id="urn:a:1"), "posts/b.md": text(id="urn:a:1")},
         ["content/posts/b.md:4: has the feed entry id urn:a:1, as content/posts/a.md has"]),
        ({"posts/a.md": text(), "posts/b.md": text(id=f"tag:{SITE.feed_authority}:posts/a")},
         [f"content/posts/b.md:4: has the feed entry id tag:{SITE.feed_authority}:posts/a,"
          " as content/posts/a.md has"]),
        ({"posts/a.md": text(), "posts/b.md": text(slug="a", lang="de")}, []),
        ({"posts/a.md": text(date="2027-01-01", slug="b"), "posts/b.md": text()},
         ["content/posts/a.md:4: has the URL /posts/b/, as content/posts/b.md has"]),
        ({"posts/a.md": text(date="2027-01-01", aliases="/b/"), "pages/b.md": text()},
         ["content/posts/a.md:4: alias /b/ is claimed by content/pages/b.md"]),
        ({"posts/a.md": text(date="2027-01-01", aliases="/old"), "posts/b.md": text(aliases="/old/")},
         ["content/posts/a.md:4: alias /old is claimed by content/posts/b.md"]),
        ({"posts/a.md": text(date="2027-01-01"), "posts/b.md": text(aliases="/posts/a/")},
         ["content/posts/b.md:4: alias /posts/a/ is claimed by content/posts/a.md (due 2027-01-01)"]),
        ({"posts/a.md": text(date="2027-01-01", id="urn:a:1"), "posts/b.md": text(id="urn:a:1")},
         ["content/posts/a.md:4: has the feed entry id urn:a:1, as content/posts/b.md has"]),
        ({"posts/a.md": text(date="2027-01-01", status="draft", aliases="/b/"), "pages/b.md": text()}, []),
    ],
)  # fmt: skip
def test_two_claims_to_one_url_are_a_fault(files: dict[str, str], faults: list[str], tmp_path: Path) -> None:
    """One of the two would be published over the other."""
    assert sorted(fault_lines(read(tmp_path, files))) == faults


def test_a_pattern_with_html_gives_no_second_address_of_a_directory(tmp_path: Path) -> None:
    """The server redirects /index.html to its directory."""
    urls = replace(URLS, article="{year}/{slug}.html", page="{slug}.html")
    files = {
        "posts/index.md": text(),
        "pages/a/b.md": text(),
        "pages/404.md": text(),
        "pages/c.md": text(slug="index"),
    }
    found = read(tmp_path, files, urls=urls)
    assert [document.url for document in found.documents] == ["/b.html", "/2026/"]
    assert fault_lines(found) == [
        "content/pages/404.md:1: the URL /404.html is reserved for the server",
        "content/pages/c.md:4: the URL / is reserved for the front page, content/pages/index.md",
    ]


def test_all_faults_are_reported_with_the_valid_pages(tmp_path: Path) -> None:
    """A build adds the faults of its later phases, so reading raises nothing."""
    files = {"posts/a.md": text(date="x"), "posts/b.md": text(), "pages/c.md": "", "d.md": ""}
    found = read(tmp_path, files)
    expected = ["content/d.md", "content/pages/c.md", "content/posts/a.md"]
    assert [fault.path for fault in found.faults] == expected
    assert [document.path for document in found.documents] == ["content/posts/b.md"]


@pytest.mark.parametrize(
    ("keys", "change", "modified"),
    [
        ({}, None, None),
        ({}, CHANGED, "2026-05-01T14:00:00+02:00"),
        ({}, replace(CHANGED, is_added=True), None),  # its first commit is no change
        ({"modified": "2026-02-01"}, replace(CHANGED, is_cut=True), "2026-02-01T00:00:00+01:00"),
        ({"date": "2026-05-01 20:00"}, CHANGED, "2026-05-01T20:00:00+02:00"),
    ],
)
def test_the_date_of_change_is_the_author_s_or_git_s(
    keys: dict[str, str], change: Change | None, modified: str | None, tmp_path: Path
) -> None:
    """A post that was committed before its date is not older than itself."""
    history = History({"content/posts/a.md": change}) if change else None
    [document] = read(tmp_path, {"posts/a.md": text(**keys)}, history=history, as_of=NOON * 2).documents
    assert (document.modified.isoformat() if document.modified else None) == modified


def test_a_date_of_change_from_a_shallow_clone_is_a_fault(tmp_path: Path) -> None:
    """In a shallow clone every file seems to have changed at once."""
    history = History({"content/posts/a.md": replace(CHANGED, is_cut=True)})
    found = read(tmp_path, {"posts/a.md": text()}, history=history)
    assert fault_lines(found) == ["content/posts/a.md:0: its date of change is unknown: the clone is shallow"]


def test_files_are_read_in_one_order_everywhere(tmp_path: Path) -> None:
    """File systems list them in any order."""
    files = {f"posts/{name}.md": text() for name in ("b", "a/z", "a-b", "B", "ä")}
    paths = [document.path for document in read(tmp_path, files).documents]
    assert paths == [f"content/posts/{name}.md" for name in ("B", "a/z", "a-b", "b", "ä")]


@pytest.mark.parametrize(
    ("name", "source", "title", "body", "date"),
    [
        ("pages/a.md", "# The *title*\n\nText.\n", "The title", "\n\nText.\n", ""),
        ("pages/a.md", "---\nlang: de\n---\n# A\nText.\n", "A", "\nText.\n", ""),
        ("pages/a.md", "---\ntitle: The title\n---\n\nthe Title\n=====\nText.\n", "The title",
         "\n\n\nText.\n", ""),
        ("pages/a.md", "---\ntitle: B\n---\n# A\n", "B", "# A\n", ""),
        ("pages/a.md", "---\ntitle: B\n---\n```\ndraft: true\n```\n", "B", "```\ndraft: true\n```\n", ""),
        ("pages/a.md", "<!-- toc -->\n\n## A b\n\nText.\n", "A b", "<!-- toc -->\n\n\n\nText.\n", ""),
        ("pages/a.md", "---\ntitle: A\n---\n## A\n\nText.\n", "A", "## A\n\nText.\n", ""),
        ("pages/0001-a.md", "Rustdoc: the text\n\nText.\n", "0001 a", "Rustdoc: the text\n\nText.\n", ""),
        ("pages/0001-the_first.md", "- Text.\n", "0001 the first", "- Text.\n", ""),
        ("posts/2026-05-01-the-first.md", "Text.\n", "The first", "Text.\n", "2026-05-01"),
        ("posts/2026-05-01-a.md", "# A\n\nText.\n", "A", "\n\nText.\n", "2026-05-01"),
        ("posts/2026-05-01-a.md", "---\ndate: 2026-04-01\n---\n# A\n", "A", "\n", "2026-04-01"),
        ("posts/a.md", '+++\ntitle = "A"\ndate = 2026-05-01\n+++\nText.\n', "A", "Text.\n", "2026-05-01"),
    ],
)  # fmt: skip
def test_a_heading_or_a_file_name_stands_in_for_front_matter(
    name: str, source: str, title: str, body: str, date: str, tmp_path: Path
) -> None:
    """GitLab, MkDocs and Jekyll show such files; a title must not appear twice on the page."""
    found = read(tmp_path, {name: source}, as_of=NOON * 2)
    assert fault_lines(found) == []
    [document] = found.documents
    assert (document.meta.title, document.body) == (title, body)
    assert (f"{document.meta.date:%Y-%m-%d}" if document.meta.date else "") == date


@pytest.mark.parametrize("line", ["acess: members", "Acces: x", "title : A b", "draft: true", "tilte: A"])
def test_a_line_that_may_be_a_mistyped_key_is_no_text(line: str, tmp_path: Path) -> None:
    """As text, it would publish a page for members or a draft."""
    found = read(tmp_path, {"pages/a.md": f"{line}\n\nText.\n"})
    assert all(document.body == "Text.\n" for document in found.documents)
    assert line.startswith("title") or fault_lines(found)


def test_files_of_other_formats_among_pages_are_named_unless_a_page_links_to_them() -> None:
    """An author who moves here must learn that a page was not built; an attachment is meant."""
    files = ["posts/a.rst", "pages/b.IPYNB", "posts/c.html", "files/d.org", "posts/e.csv", "extra/f.html"]
    paths = [f"content/{name}" for name in files]
    faults = documents.unread_files(paths, frozenset(["content/posts/c.html"]))
    assert [(fault.path, fault.check, fault.severity) for fault in faults] == [
        ("content/pages/b.IPYNB", "unread-file", "warning"),
        ("content/posts/a.rst", "unread-file", "warning"),
    ]
