"""site.toml is checked key by key; a fault names its line, also in an array of tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core import config
from pipelines.core.config import BucketConfig, ChartConfig, Environment, MenuItem, SiteConfig
from pipelines.core.errors import SourceError

steady = settings(derandomize=True, max_examples=200, deadline=None, database=None)

GOOD = """\
[site]
name = "N"
url = "https://n.example"
tagline = "T"
author = "A"

[[menu]]
label = "One"
path = "/one/"

[[menu]]
label = "Two"
path = "/two/"

[feed]
authority = "n.example,2026"

[security]
contact = ["mailto:s@n.example"]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        config.parse_config(text)
    return [str(fault) for fault in caught.value.faults]


def with_value(key: str, value: str) -> str:
    """Return GOOD with the line of *key* replaced, or with a line more in [site]."""
    lines = GOOD.splitlines(keepends=True)
    if any(line.startswith(f"{key} ") for line in lines):
        return "".join(f"{key} = {value}\n" if line.startswith(f"{key} ") else line for line in lines)
    return GOOD.replace('author = "A"\n', f'author = "A"\n{key} = {value}\n')


def test_a_small_file_is_enough() -> None:
    """What is left out has a default that is stated in one place."""
    assert config.parse_config(GOOD) == SiteConfig(
        name="N",
        url="https://n.example",
        tagline="T",
        author="A",
        lang="en",
        timezone="UTC",
        login=True,
        menu=(MenuItem("One", "/one/"), MenuItem("Two", "/two/")),
        footer=(),
        feed_authority="n.example,2026",
        security_contact=("mailto:s@n.example",),
        metadata_extra=(),
        less_compiler="lesscpy",
        registry="",
        chart=ChartConfig("0.1", repository="", previews="", promotion="automatic"),
        buckets=BucketConfig(endpoint="", region="us-east-1", assets="", archive="", keep=20),
        environments=(Environment("production", "https://n.example"),),
    )


DELIVERY = """
[chart]
version = "1.4"
repository = "https://nexus.n.example/repository/helm"
previews = "oci://registry.n.example/previews"
promotion = "manual"
[buckets]
endpoint = "https://s3.n.example:9000"
assets = "n-assets"
archive = "n-archive"
keep = 5
[[environment]]
name = "staging"
url = "https://staging.n.example"
[[environment]]
name = "production"
url = "https://n.example"
"""


def test_where_a_release_goes_is_read() -> None:
    found = config.parse_config(GOOD + DELIVERY)
    assert found.chart == ChartConfig(
        "1.4", "https://nexus.n.example/repository/helm", "oci://registry.n.example/previews", "manual"
    )
    assert found.buckets == BucketConfig("https://s3.n.example:9000", "us-east-1", "n-assets", "n-archive", 5)
    assert [(one.name, one.url) for one in found.environments] == [
        ("staging", "https://staging.n.example"),
        ("production", "https://n.example"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"1.4"', '"1.4.2"', "version is not the beginning of a version: '1.4.2'; write two numbers"),
        ('"1.4"', '"01.4"', "version is not the beginning of a version: '01.4'; write two numbers"),
        ("repository/helm", "repository/helm/", "repository is not a chart repository: "),
        ("oci://registry.n.example/previews", "oci://registry.n.example/P", "previews is not a chart repo"),
        ('"manual"', '"later"', "promotion is no way to promote: 'later'; write \"automatic\" or"),
        ("https://s3.n.example:9000", "s3.n.example", "endpoint is not an absolute URL: 's3.n.example'; "),
        ('"n-assets"', '"N_assets"', "assets is not the name of a bucket: 'N_assets'; use 3 to 63 of a-z"),
        ("keep = 5", "keep = 0", "keep is not a number from 1 to 1000: 0; write it without quotes"),
        ("keep = 5", "keep = true", "keep is not a number from 1 to 1000: True; "),
        ('"staging"', '"test"', "name is not an environment known here: 'test'; write \"production\" or"),
        ('"staging"', '"production"', "names 'production' a second time; name each once"),
    ],
)
def test_a_wrong_place_for_a_release_is_a_fault(old: str, new: str, said: str) -> None:
    """A release that goes astray is noticed too late."""
    assert DELIVERY.count(old) >= 1
    (fault,) = faults(GOOD + DELIVERY.replace(old, new, 1))
    assert said in fault


@pytest.mark.parametrize(
    ("key", "value", "attribute", "expected"),
    [
        ("name", '"Grüße & Küsse"', "name", "Grüße & Küsse"),
        ("url", '"http://localhost:8000"', "url", "http://localhost:8000"),
        ("url", '"https://a-b.c.example"', "url", "https://a-b.c.example"),
        ("lang", '"de-AT"', "lang", "de-AT"),
        ("timezone", '"America/Argentina/Ushuaia"', "timezone", "America/Argentina/Ushuaia"),
        ("login", "false", "login", False),
        ("authority", '"n.example,2026-01-31"', "feed_authority", "n.example,2026-01-31"),
        (
            "contact",
            '[\n  "https://n.example/x", # one\n  "tel:+1",\n]',
            "security_contact",
            ("https://n.example/x", "tel:+1"),
        ),
    ],
)
def test_a_good_value_is_taken(key: str, value: str, attribute: str, expected: object) -> None:
    """Any way of TOML to write it."""
    assert getattr(config.parse_config(with_value(key, value)), attribute) == expected


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", '""', "2: name is not a text: ''; "),
        ("name", '"  "', "2: name is not a text: '  '; "),
        ("name", "1", "2: name is not a text: 1; "),
        ("name", "2026-01-01", "2: name is not a text: datetime.date(2026, 1, 1); "),
        ("name", r'"a\nb"', r"2: name holds a line break or a control character: 'a\nb'; "),
        ("name", r'"a\u0007"', r"2: name holds a line break or a control character: 'a\x07'; "),
        ("url", '"n.example"', "3: url is not an absolute URL: 'n.example'; "),
        ("url", '"ftp://n.example"', "3: url is not an absolute URL: 'ftp://n.example'; "),
        ("url", '"https://n.example/"', "3: url is more than scheme and host: 'https://n.example/'; "),
        ("url", '"https://n.example?a"', "3: url is more than scheme and host: 'https://n.example?a'; "),
        ("url", '"https://n.example#"', "3: url is more than scheme and host: 'https://n.example#'; "),
        ("url", '"https://N.example"', "3: url is more than scheme and host: 'https://N.example'; "),
        ("url", '"https://a:b@n.example"', "3: url is more than scheme and host: 'https://a:b@n.example'; "),
        ("url", '"https://["', "3: url is more than scheme and host: 'https://['; "),
        ("url", '"https://"', "3: url is more than scheme and host: 'https://'; "),
        ("lang", '"English"', "6: lang is not a language tag: 'English'; "),
        ("lang", '"DE"', "6: lang is not a language tag: 'DE'; "),
        ("timezone", '"Europe/Berln"', "6: timezone is not a time zone: 'Europe/Berln'; "),
        ("timezone", '"Europe"', "6: timezone is not a time zone: 'Europe'; "),
        ("timezone", '"../../etc/passwd"', "6: timezone is not a time zone: '../../etc/passwd'; "),
        ("login", '"true"', "6: login is neither true nor false: 'true'; "),
        ("login", "1", "6: login is neither true nor false: 1; "),
        ("taglines", '"a"', "6: unknown key 'taglines' in [site]; did you mean tagline?"),
        ("colour", '"a"', "6: unknown key 'colour' in [site]; known: author, lang, "),
        ("authority", '"n.example"', "16: authority is not a tagging entity: 'n.example'; "),
        ("authority", '"https://n.example,2026"', "16: authority is not a tagging entity: "),
        ("contact", '"mailto:s@n.example"', "19: contact is not a list of texts: 'mailto:s@n.example'; "),
        ("contact", "[]", "19: contact is not a list of URIs: []; "),
        ("contact", '["s@n.example"]', "19: contact is not a list of URIs: ['s@n.example']; "),
        ("contact", "[1]", "19: contact is not a list of texts: [1]; "),
    ],
)
def test_a_bad_value_is_refused_on_its_line(key: str, value: str, said: str) -> None:
    """The line is what an editor jumps to."""
    assert [fault[: len(said) + 10] for fault in faults(with_value(key, value))] == [f"site.toml:{said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('label = "Two"\n', ""), ["11: [menu] has no label; add label = … under it"]),
        (
            GOOD.replace('label = "Two"', 'lable = "Two"'),
            [
                "11: [menu] has no label; add label = … under it",
                "12: unknown key 'lable' in [menu]; did you mean label?",
            ],
        ),
        (
            GOOD.replace('path = "/two/"', 'path = "two"'),
            ["13: path is not a path of this site: 'two'; write it as \"/posts/\""],
        ),
        (
            GOOD.replace('path = "/one/"', 'path = "//one/"'),
            ["9: path is not a path of this site: '//one/'; write it as \"/posts/\""],
        ),
        (GOOD + '\n[[footer]]\nlabel = "X"\n', ["21: [footer] has no path; add path = … under it"]),
        (GOOD.replace("[site]", "[site] # facts\r").replace("\r\n", "\n").replace('"T"', "1"),
         ['4: tagline is not a text: 1; write it as "…", not empty']),
        (GOOD + '\n[metadata]\nextra = ["A"]\n',
         ["22: extra has a name that no key can have: ['A']; use a-z, 0-9 and _ only"]),
        (GOOD + '\n[metadata]\nextra = ["scene", "url"]\n',
         ["22: extra has 'url', which every page has: ['scene', 'url']; take another name"]),
        (GOOD + '\n[build]\nless_compiler = "sass"\n',
         ["22: less_compiler is not a LESS compiler known here: 'sass'; write \"lesscpy\" or \"lessc\""]),
        (GOOD + "\n[menus]\na = 1\n", ["21: unknown table [menus]; did you mean menu?"]),
        ("version = 1\n" + GOOD, ["1: 'version' stands outside of a table; move it below [site]"]),
        (GOOD.replace("[site]", "[site"),
         ["1: is not TOML: Expected ']' at the end of a table declaration; mend it"]),
        (GOOD.replace('name = "N"', "name = N"), ["2: is not TOML: Invalid value; mend it"]),
        (GOOD + "\n[feed]\n", ["21: is not TOML: Cannot declare ('feed',) twice; mend it"]),
    ],
)  # fmt: skip
def test_every_table_is_checked_with_lines(text: str, said: list[str]) -> None:
    """tomllib keeps no positions: they are found again, in the second menu item too."""
    assert faults(text) == [f"site.toml:{line}" for line in said]


def test_all_faults_are_told_at_once() -> None:
    """An empty file names everything that a site needs."""
    assert [fault.split("; ")[0] for fault in faults("")] == [
        "site.toml: [feed] has no authority",
        "site.toml: [security] has no contact",
        "site.toml: [site] has no author",
        "site.toml: [site] has no name",
        "site.toml: [site] has no tagline",
        "site.toml: [site] has no url",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("menu = 1\n[site]\n", "'menu' is not a table; write it as [[menu]]"),
        ("site = 1\n" + GOOD.replace("[site]", "[sites]"), "'site' is not a table; write it as [site]"),
        ("menu = [1]\n", "'menu' is not a table; write it as [[menu]]"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, said: str) -> None:
    """A value in the place of a table must not pass for an empty one."""
    assert any(said in fault for fault in faults(text))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "site.toml: no such file; run in the folder of the site, or name it with --project"),
        (b"[site]\nname = '\xfc'\n", "site.toml:2: is not UTF-8; save it as UTF-8"),
        (b"a = " + b"[" * 10_000, "site.toml: is nested too deeply; write flat lists"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault(data: bytes | None, said: str, tmp_path: Path) -> None:
    """Not a traceback: it is the first file that anybody edits."""
    if data is not None:
        (tmp_path / "site.toml").write_bytes(data)
    with pytest.raises(SourceError) as caught:
        config.load_config(tmp_path)
    assert str(caught.value) == said


def test_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    """A fork may be edited anywhere."""
    (tmp_path / "site.toml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert config.load_config(tmp_path) == config.parse_config(GOOD)


def test_the_site_of_this_repository_is_good() -> None:
    """Its own site.toml is the example that forks begin with."""
    assert config.load_config(Path(__file__).parents[2]).url.startswith("https://")


PIECES = st.sampled_from(
    (
        *("[", "]", "[[menu]]", "[site]", '"', "'", "=", "\n", "#", "1", "true", "{", "}", ",", "\\"),
        *("a.b", "🦊", "\0", "\r", "1979-05-27", "0x", "nan"),
    )
)


@steady
@given(st.data())
def test_parsing_is_total(data: st.DataObject) -> None:
    """Whatever becomes of the file, it is a configuration or a fault on one of its lines."""
    text = GOOD
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(PIECES | st.text(max_size=5)) + text[end:]
    lines: list[int] = []
    try:
        assert config.parse_config(text).name
    except SourceError as error:
        lines = [fault.line for fault in error.faults]
    assert all(0 <= line <= len(text.splitlines()) + 1 for line in lines)
