"""Every page is valid, whole, and tells machines the truth about itself.

On the small site and on the site of this repository, whatever its author
writes. Feeds, sitemap and the like are in test_validity_feeds.py.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.project import AS_OF
from tests.support.tools import need
from tests.support.trees import Page, Site, feed_entries, owner_site, require_package

# What schema.org, and the search engines that read it, want to find in each kind of page.
SCHEMA_PROPERTIES = {
    "BlogPosting": {
        "headline",
        "datePublished",
        "dateModified",
        "author",
        "mainEntityOfPage",
        "inLanguage",
    },
    "WebPage": {"name", "url", "inLanguage"},
    "WebSite": {"name", "url", "description", "inLanguage"},
}
_LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*"  # BCP 47, the usual part
CARD = {"og:title", "og:type", "og:url", "og:description", "og:image", "og:site_name", "og:locale"}


@pytest.fixture(scope="module", params=["small", "owner"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The small site, then that of this repository."""
    if request.param == "owner":
        return owner_site(tmp_path_factory)
    return Site(request.getfixturevalue("built"), AS_OF)


def messages(files: list[Path]) -> dict[str, list[str]]:
    """Return what the Nu checker says about each of *files*, by name."""
    jar = require_package("vnu-jar/build/dist/vnu.jar")
    done = subprocess.run(
        [need("java"), "-Xss2m", "-jar", str(jar), "--format", "json", "--stdout", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found: dict[str, list[str]] = {}
    for one in json.loads(done.stdout)["messages"]:
        text = f"{one.get('subType', one['type'])}: {one['message']}: {one.get('extract', '')[:120]!r}"
        found.setdefault(one.get("url", "").removeprefix("file:"), []).append(text)
    return found


@pytest.mark.slow
def test_the_nu_checker_finds_no_fault(site: Site, tmp_path: Path) -> None:
    """In any page, nor in any text of a feed; errors and warnings count, and none is passed over."""
    pages = [page.file for page in site.pages.values()]
    texts = []
    for number, entry in enumerate(feed_entries(site)):
        text = tmp_path / f"entry-{number}.html"
        head = f'<!doctype html><html lang="{entry.lang}"><title>{number}</title><h1>{number}</h1>'
        text.write_text(head + entry.content, encoding="utf-8")
        texts.append(text)
    control = tmp_path / "control.html"
    control.write_text("<!doctype html><html lang=en><title>A fault</title><p id=a><b id=a>open")
    found = messages([*pages, *texts, control])
    assert len(found.pop(str(control))) > 1, "the checker itself must be awake"
    assert found == {}


def test_every_svg_is_well_formed(site: Site) -> None:
    """As XML: an SVG that is loaded by itself is not read as leniently as one within HTML."""
    files = [file for file in site.files.values() if file.suffix == ".svg"]
    assert files
    for file in files:
        root = ElementTree.fromstring(file.read_bytes())
        assert root.tag == "{http://www.w3.org/2000/svg}svg", file.name


def reference_fault(site: Site, base: str, reference: str) -> str | None:
    """Return what is wrong with a *reference* on the page *base*; None if it resolves."""
    target = site.resolve(base, reference)
    if target is None:
        return None  # another site
    path, fragment = target
    if path in site.aliases:
        return None
    file = path + "index.html" if path.endswith("/") else path
    if file not in site.files:
        return f"{base}: {reference} does not exist"
    page = site.pages.get(path)
    if fragment and (page is None or fragment not in page.ids):
        return f"{base}: {reference}: no such id"
    return None


def test_every_reference_resolves(site: Site) -> None:
    """Links, fragments, pictures, scripts, stylesheets, feeds: found here by other means than the build's."""
    faults = [
        reference_fault(site, url, one) for url, page in site.pages.items() for one in page.references()
    ]
    assert [fault for fault in faults if fault] == []


def test_every_reference_of_a_stylesheet_resolves(site: Site) -> None:
    for path, file in site.files.items():
        if file.suffix == ".css":
            urls = re.findall(r"url\(\s*[\"']?([^\"')]+)", file.read_text("utf-8"))
            faults = [reference_fault(site, path, url) for url in urls if not url.startswith(("data:", "#"))]
            assert [fault for fault in faults if fault] == []


def test_error_pages_use_root_relative_references(site: Site) -> None:
    """An error page is shown at any depth, and so is the login: "../x" would lead astray."""
    shown = [page for url, page in site.pages.items() if url.endswith(".html") or url == "/account/login/"]
    assert len(shown) == (4 if site.config.login else 3)
    references = {one for page in shown for one in page.references()}
    assert [one for one in references if not re.match(r"/|#|https://|mailto:", one)] == []


def test_what_belongs_to_a_label_or_a_description_is_there(site: Site) -> None:
    """The ids that ARIA and forms name exist on the page."""
    names = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "headers")
    for url, page in site.pages.items():
        wanted = {id_ for one in page.elements for name in names for id_ in one.attrs.get(name, "").split()}
        assert wanted - page.ids == set(), url


def test_every_page_names_its_own_address(site: Site) -> None:
    """Canonical link and card; what is not for search engines has neither."""
    for url, page in site.pages.items():
        canonical = [one.attrs["href"] for one in page.all("link", rel="canonical")]
        expected = [] if page.hidden else [site.config.url + url]
        assert canonical == expected == page.meta("og:url")


def test_error_pages_the_login_and_members_pages_are_hidden(site: Site) -> None:
    """From search engines; everything else is not."""
    for url, page in site.pages.items():
        private = url.endswith(".html") or url.startswith(("/account/", "/members/"))
        assert page.hidden == private, url


def test_every_page_has_a_title_and_a_description(site: Site) -> None:
    for url, page in site.pages.items():
        assert [one.text.strip() != "" for one in page.all("title")[:1]] == [True], url
        assert [0 < len(text) <= 300 for text in page.meta("description")] == [True], url


def test_no_two_pages_have_one_title(built: Path) -> None:
    """Of the small site: an author may call two posts the same."""
    titles = Counter(page.all("title")[0].text for page in Site(built, AS_OF).pages.values())
    assert [title for title, count in titles.items() if count > 1] == []


def test_cards_are_complete(site: Site) -> None:
    """OpenGraph: nothing missing, nothing twice, and a picture that exists and has a description."""
    for url, page in site.indexed.items():
        card = {name: page.meta(name) for name in (*CARD, "og:image:alt")}
        assert {name for name, values in card.items() if len(values) != 1 or not values[0]} == set(), url
        assert card["og:type"] in (["website"], ["article"])
        picture = card["og:image"][0]
        assert picture.startswith(site.config.url + "/")
        assert reference_fault(site, url, picture) is None
        assert card["og:locale"][0].replace("_", "-").split("-")[0] == page.lang.split("-")[0]
        if card["og:type"] == ["article"]:
            moments = page.meta("article:published_time") + page.meta("article:modified_time")
            assert moments == sorted(moments, key=datetime.fromisoformat)
            assert all(datetime.fromisoformat(moment).tzinfo for moment in moments)


def statements(page: Page) -> list[dict[str, Any]]:
    """Return the JSON-LD of *page*."""
    blocks = page.all("script", type="application/ld+json")
    return [json.loads(block.text) for block in blocks]


def test_json_ld_has_the_properties_of_schema_org(site: Site) -> None:
    kinds: Counter[str] = Counter()
    for url, page in site.pages.items():
        for data in statements(page):
            kinds[data["@type"]] += 1
            assert data["@context"] == "https://schema.org"
            wanted = SCHEMA_PROPERTIES[data["@type"]]
            assert {name for name in wanted | data.keys() if not data.get(name)} == set(), url
            assert data.get("url", data.get("mainEntityOfPage")) == site.config.url + url
            assert data["inLanguage"] == page.lang
            if "image" in data:
                assert [data["image"]] == page.meta("og:image")
            if data["@type"] == "BlogPosting":
                people = data["author"] if isinstance(data["author"], list) else [data["author"]]
                assert [(one["@type"], bool(one["name"])) for one in people] == [("Person", True)] * len(
                    people
                )
                assert people
                assert [data["headline"]] == page.meta("og:title")
                first, last = (
                    datetime.fromisoformat(data[f"date{name}"]) for name in ("Published", "Modified")
                )
                assert first <= last
                assert first.tzinfo
                assert last.tzinfo
    articles = [page for page in site.indexed.values() if "article" in page.meta("og:type")]
    assert kinds["BlogPosting"] == len(articles)
    assert kinds["WebSite"] == 1


def test_hidden_pages_have_no_machine_readable_data(site: Site) -> None:
    hidden = [page for page in site.pages.values() if page.hidden]
    assert [page.url for page in hidden if statements(page) or page.meta("og:title")] == []


def test_every_page_declares_its_language(site: Site) -> None:
    assert [url for url, page in site.pages.items() if not re.fullmatch(_LANGUAGE, page.lang)] == []


def test_a_title_in_another_language_declares_it_everywhere(built: Path) -> None:
    """A screen reader speaks it right in lists, in the menu and beside a post."""
    site = Site(built, AS_OF)
    titles = {url: page.meta("og:title") for url, page in site.pages.items()}
    met = set()
    for url, page in site.pages.items():
        for link in page.all("a"):
            target = site.resolve(url, link.attrs.get("href", ""))
            other = site.pages.get(target[0]) if target else None
            if other and other.lang != page.lang and [link.text] == titles[other.url]:
                met.add((page.lang, other.lang))
                assert link.lang == other.lang, f"{url}: {link.text}"
                assert link.attrs.get("hreflang", other.lang) == other.lang
    assert met == {("en", "de"), ("de", "en")}


def test_german_pages_are_german_throughout(built: Path) -> None:
    """The frame too: its words come from theme/strings/de.toml."""
    site = Site(built, AS_OF)
    german = {url for url, page in site.pages.items() if page.lang == "de"}
    assert german == {"/de/posts/german/", "/de/ueber/"}
    for url in german:
        page = site.pages[url]
        assert page.all("a", class_="skip")[0].text == "Zum Inhalt springen"
        assert page.meta("og:locale") == ["de_DE"]
        labels = {item.label for item in (*site.config.menu, *site.config.footer)}  # written in English
        assert {link.lang for link in page.all("a") if link.text in labels} == {"en"}
    assert "15. Januar 2026" in [one.text for one in site.pages["/de/posts/german/"].all("time")]
