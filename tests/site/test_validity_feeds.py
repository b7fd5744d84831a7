"""Feeds, sitemap, robots.txt and security.txt: valid, true, and in step with the pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.robotparser import RobotFileParser

import pytest
from lxml import etree

from pipelines.core import config
from pipelines.site.output import machine_files
from tests.support.project import AS_OF, COMMITTED, ROOT, build_site, commit_all, small_site
from tests.support.trees import LANG, Entry, Site, feed_entries, owner_site, parse_html

SCHEMAS = ROOT / "tests" / "data" / "schemas"
SPACES = {"a": "http://www.w3.org/2005/Atom", "s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture(scope="module", params=["small", "owner"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The small site, then that of this repository."""
    if request.param == "owner":
        return owner_site(tmp_path_factory)
    return Site(request.getfixturevalue("built"), AS_OF)


def schema(name: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(SCHEMAS / f"{name}.rng"))


def feeds(site: Site) -> dict[str, etree._Element]:
    """Return every feed by its path."""
    found = {p: file for p, file in site.files.items() if file.suffix == ".atom" and not site.given(p)}
    return {path: etree.fromstring(file.read_bytes()) for path, file in found.items()}


def one(element: etree._Element, path: str) -> str:
    """Return the text or the attribute at *path*, which is there once."""
    (found,) = element.xpath(path, namespaces=SPACES)
    return str(getattr(found, "text", found))


def moment(element: etree._Element, path: str) -> datetime:
    return datetime.fromisoformat(one(element, path))


def test_every_feed_is_valid_atom(site: Site) -> None:
    """Against our own schema of RFC 4287."""
    atom = schema("atom")
    for path, feed in feeds(site).items():
        assert atom.validate(feed), (path, atom.error_log)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("//a:feed/a:id", "remove"),
        ("//a:feed/a:updated", "remove"),
        ("//a:feed/a:title", "twice"),
        ("//a:feed/a:author", "remove"),
        ("//a:entry/a:id", "remove"),
        ("//a:entry/a:updated", "2026-01-01T00:00:00"),
        ("//a:entry/a:published", "1 January 2026"),
        ("//a:entry/a:content", "twice"),
        ("//a:entry/a:link", "remove"),
        ("//a:entry/a:id", "https://small.example/"),
        ("//a:author/a:name", " "),
    ],
)
def test_the_schema_refuses_what_the_rfc_forbids(built: Path, path: str, change: str) -> None:
    """A schema that lets everything pass would prove nothing."""
    feed = feeds(Site(built, AS_OF))["/feed.atom"]
    element = feed.xpath(path, namespaces=SPACES)[0]
    if change == "remove":
        element.getparent().remove(element)
    elif change == "twice":
        element.addnext(etree.fromstring(etree.tostring(element)))
    else:
        element.text = change
    assert not schema("atom").validate(feed)


def test_every_feed_knows_its_address_and_its_language(site: Site) -> None:
    for path, feed in feeds(site).items():
        assert one(feed, "a:link[@rel='self']/@href") == site.config.url + path
        assert one(feed, "a:link[@rel='alternate']/@href") == site.config.url + path.removesuffix("feed.atom")
        assert feed.get(LANG) == site.config.lang


def test_there_is_a_feed_of_everything_and_one_of_each_tag(site: Site) -> None:
    """And the pages announce them."""
    tags = {url for url in site.pages if re.fullmatch(r"/tags/[^/]+/", url)}
    assert feeds(site).keys() == {"/feed.atom"} | {f"{tag}feed.atom" for tag in tags}
    for url, page in site.pages.items():
        links = {link.attrs["href"] for link in page.all("link", type="application/atom+xml")}
        assert links == {"/feed.atom"} | ({f"{url}feed.atom"} if url in tags else set())


def test_entries_are_few_new_and_ordered(site: Site) -> None:
    """At most 20, newest first; the feed is as new as its newest change."""
    for feed in feeds(site).values():
        published = [moment(entry, "a:published") for entry in feed.findall("a:entry", SPACES)]
        updated = [moment(entry, "a:updated") for entry in feed.findall("a:entry", SPACES)]
        assert published == sorted(published, reverse=True)
        assert len(published) <= 20
        assert all(last >= first for first, last in zip(published, updated, strict=True))
        assert moment(feed, "a:updated") == max(updated, default=moment(feed, "a:updated"))
        assert all(first.timestamp() <= site.as_of for first in published)


def test_entry_ids_are_unique_and_permanent(site: Site) -> None:
    """Unique within a feed; one post has one id in every feed, made of the authority in site.toml."""
    addresses: dict[str, str] = {}
    for path, feed in feeds(site).items():
        ids = [one(entry, "a:id") for entry in feed.findall("a:entry", SPACES)]
        assert len(ids) == len(set(ids)), path
        for entry in feed.findall("a:entry", SPACES):
            address = one(entry, "a:link[@rel='alternate']/@href")
            assert addresses.setdefault(one(entry, "a:id"), address) == address
        for id_ in [*ids, one(feed, "a:id")]:
            assert id_.startswith(f"tag:{site.config.feed_authority}:")
    assert len(set(addresses.values())) == len(addresses)


def test_entries_agree_with_their_pages(site: Site) -> None:
    """Title, dates, language; and the page is one that everybody may read."""
    for entry in feed_entries(site):
        page = site.indexed[entry.path]
        assert [entry.title] == page.meta("og:title")
        assert entry.lang == page.lang, entry.path
        assert [entry.published] == page.meta("article:published_time")


def test_texts_of_entries_can_be_read_anywhere(site: Site) -> None:
    """Every address in them is absolute and leads somewhere; nothing in them runs."""

    def wrong(entry: Entry) -> list[str]:
        found = []
        for element in parse_html(entry.content):
            found += [name for name in element.attrs if name.startswith("on") or name == "style"]
            found += [element.tag] if element.tag in ("script", "style", "iframe", "form") else []
            for name in ("href", "src", "poster"):
                address = element.attrs.get(name, "https:")
                if not address.startswith(("https:", "http:", "mailto:", "tel:")):
                    found.append(address)
                target = site.resolve("/", address)
                if target and address != "https:":
                    file = target[0] + ("index.html" if target[0].endswith("/") else "")
                    found += [] if file in site.files or target[0] in site.aliases else [address]
        return found

    assert {entry.path: wrong(entry) for entry in feed_entries(site) if wrong(entry)} == {}


def rows(site: Site) -> dict[str, datetime | None]:
    """Return the addresses of the sitemap, decoded, and when each changed; it is valid."""
    root = etree.fromstring(site.files["/sitemap.xml"].read_bytes())
    assert schema("sitemap").validate(root)
    found: dict[str, datetime | None] = {}
    for row in root:
        target = site.resolve("/", one(row, "s:loc"))
        assert target is not None
        dates = row.xpath("s:lastmod", namespaces=SPACES)
        assert target[0] not in found
        found[target[0]] = datetime.fromisoformat(dates[0].text) if dates else None
    return found


def test_the_sitemap_lists_what_may_be_found_and_nothing_else(site: Site) -> None:
    """Valid, no longer than the protocol allows, and each address exists."""
    assert rows(site).keys() == site.indexed.keys()
    assert len(rows(site)) <= 50_000
    assert site.files["/sitemap.xml"].stat().st_size <= 50 * 2**20


def test_the_sitemap_has_the_date_of_the_page(site: Site) -> None:
    dates = rows(site)
    for url, page in site.indexed.items():
        found = re.search(r'"dateModified": ?"([^"]+)"', "".join(block.text for block in page.all("script")))
        if found:
            assert dates[url] == datetime.fromisoformat(found[1]), url


COMMIT = datetime.fromtimestamp(COMMITTED, UTC)
WRITTEN = datetime(2026, 2, 10, 12, tzinfo=UTC)  # `modified` in tests/site/content/posts/second.md


@pytest.mark.parametrize(
    ("url", "changed"),
    [
        ("/posts/markdown/", datetime.fromisoformat("2026-02-01T10:00:00+01:00")),  # added, never changed
        ("/posts/second/", WRITTEN),
        ("/about/", datetime.fromisoformat("2026-03-04T05:06:00+01:00")),  # Berlin, by site.toml
        ("/de/ueber/", COMMIT),  # a page without a date: Git knows
        ("/", COMMIT),
        ("/tags/diagrams/", WRITTEN),  # a list is as new as its newest post
        ("/archive/2026/", WRITTEN),
    ],
)
def test_lastmod_is_the_true_date_of_change(built: Path, url: str, changed: datetime) -> None:
    """Not the time of the build: search engines stop believing a sitemap that cries wolf."""
    assert rows(Site(built, AS_OF))[url] == changed


def test_an_edit_moves_lastmod_of_its_page_and_of_the_lists_that_show_it(tmp_path: Path) -> None:
    """And of nothing else. The author gives no date: that of the commit holds."""
    project = small_site(tmp_path)
    build_site(project)
    before = rows(Site(project, AS_OF))
    post = project / "content" / "posts" / "markdown.md"
    post.write_text(post.read_text("utf-8") + "\nOne more sentence.\n", encoding="utf-8")
    commit_all(project, COMMITTED + 1000)
    build_site(project)
    after = rows(Site(project, AS_OF))
    lists = {"/", "/posts/", "/archive/", "/archive/2026/", "/tags/", "/tags/markdown/", "/tags/c-plus-plus/"}
    lists |= {"/categories/", "/categories/features/", "/series/", "/series/everything/"}
    assert {url for url in after if after[url] != before[url]} == {"/posts/markdown/"} | lists
    assert {after[url] for url in lists} == {COMMIT + timedelta(seconds=1000)}


def test_robots_may_read_everything_but_the_login(site: Site) -> None:
    """Where the author gives no robots.txt; and it does not tell where the members' pages are."""
    text, address = site.files["/robots.txt"].read_text("utf-8"), site.config.url
    if site.given("/robots.txt"):
        return
    robots = RobotFileParser()
    robots.parse(text.splitlines())
    assert robots.site_maps() == [f"{address}/sitemap.xml"]
    for url in rows(site):
        assert robots.can_fetch("Anybot/1.0", address + url), url
    assert robots.can_fetch("Anybot/1.0", f"{address}/account/login/") != site.config.login
    assert "members" not in text.replace(address, "")


def test_security_txt_has_the_fields_of_rfc_9116(site: Site) -> None:
    text = site.files["/.well-known/security.txt"].read_text("utf-8")
    lines = [line.split(": ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert all(len(line) == 2 for line in lines)
    names = [name for name, _ in lines]
    fields = dict(lines)
    assert set(names) <= {"Contact", "Expires", "Preferred-Languages", "Canonical", "Policy", "Encryption"}
    assert [names.count(name) for name in ("Expires", "Preferred-Languages")] == [1, 1]
    contacts = [value for name, value in lines if name == "Contact"]
    assert contacts
    assert [one for one in contacts if not re.match(r"(mailto:.+@|https://|tel:)", one)] == []
    assert fields["Canonical"] == f"{site.config.url}/.well-known/security.txt"
    assert text.endswith("\n")


@pytest.mark.parametrize("day", ["2026-01-01", "2026-05-28", "2026-06-30", "2026-07-01", "2027-12-31"])
def test_security_txt_ends_within_a_year_and_not_at_once(day: str) -> None:
    """RFC 9116, 2.5.5, recommends less than a year; too soon, and a site that rests is out of date."""
    now = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    text = machine_files.security_txt(
        config.load_config(ROOT / "tests" / "data" / "site"), int(now.timestamp())
    )
    found = re.search(r"^Expires: (\S+)$", text, re.M)
    assert found is not None
    left = datetime.fromisoformat(found[1]) - now
    assert timedelta(days=150) < left < timedelta(days=365)
