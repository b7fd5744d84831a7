"""Parsing of site.toml: values, defaults, and faults with their lines."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core import config
from pipelines.core.config import BucketConfig, ChartConfig, Environment, MenuItem, SiteConfig
from pipelines.core.errors import SourceError

deterministic = settings(derandomize=True, max_examples=200, deadline=None, database=None)

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


def test_keys_that_are_left_out_take_their_defaults() -> None:
    """Each default is declared once, in config.py."""
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
        post_url="/posts/{slug}/",
        page_url="/{path}/",
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


def test_the_tables_of_delivery_are_parsed() -> None:
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
    ("old", "new", "expected"),
    [
        ('"1.4"', '"1.4.2"', "[chart] version: must be two numbers, X.Y, not '1.4.2'; write "),
        ('"1.4"', '"01.4"', "[chart] version: must be two numbers, X.Y, not '01.4'; write "),
        (
            "repository/helm",
            "repository/helm/",
            "[chart] repository: must start with https:// or oci:// and ",
        ),
        (
            "oci://registry.n.example/previews",
            "oci://registry.n.example/P",
            "[chart] previews: must start with https:// or oci:// and have ",
        ),
        ('"manual"', '"later"', '[chart] promotion: must be "automatic" or "manual", not '),
        (
            "https://s3.n.example:9000",
            "s3.n.example",
            "[buckets] endpoint: must be an absolute URL without a path, ",
        ),
        ('"n-assets"', '"N_assets"', "[buckets] assets: must be a bucket name, not 'N_assets'; use "),
        ("keep = 5", "keep = 0", "[buckets] keep: must be an integer from 1 to 1000, not 0; "),
        ("keep = 5", "keep = true", "[buckets] keep: must be an integer from 1 to 1000, not True; "),
        ('"staging"', '"test"', '[[environment]] name: must be "production" or "staging", not '),
        ('"staging"', '"production"', "[[environment]] name: duplicate 'production'; name each "),
    ],
)
def test_an_invalid_target_of_a_release_is_a_fault(old: str, new: str, expected: str) -> None:
    """A release sent to another place would be noticed late."""
    assert DELIVERY.count(old) >= 1
    (fault,) = faults(GOOD + DELIVERY.replace(old, new, 1))
    assert expected in fault


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
def test_a_valid_value_is_accepted(key: str, value: str, attribute: str, expected: object) -> None:
    """In every notation of TOML."""
    assert getattr(config.parse_config(with_value(key, value)), attribute) == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", '""', "2: [site] name: must be a string with text in it"),
        ("name", '"  "', "2: [site] name: must be a string with text in it"),
        ("name", "1", "2: [site] name: must be a string with text in it"),
        ("name", "2026-01-01", "2: [site] name: must be a string with text in it"),
        ("name", r'"a\nb"', "2: [site] name: must be one line without control characters"),
        ("name", r'"a\u0007"', "2: [site] name: must be one line without control characters"),
        ("url", '"n.example"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"ftp://n.example"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://n.example/"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://n.example?a"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://n.example#"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://N.example"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://a:b@n.example"', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://["', "3: [site] url: must be an absolute URL without a path"),
        ("url", '"https://"', "3: [site] url: must be an absolute URL without a path"),
        ("lang", '"English"', "6: [site] lang: must be a BCP 47 language tag"),
        ("lang", '"DE"', "6: [site] lang: must be a BCP 47 language tag"),
        ("timezone", '"Europe/Berln"', "6: [site] timezone: must be an IANA time zone"),
        ("timezone", '"Europe"', "6: [site] timezone: must be an IANA time zone"),
        ("timezone", '"../../etc/passwd"', "6: [site] timezone: must be an IANA time zone"),
        ("login", '"true"', "6: [site] login: must be true or false"),
        ("login", "1", "6: [site] login: must be true or false"),
        ("authority", '"n.example"', "16: [feed] authority: must be a tagging entity of RFC 4151"),
        (
            "authority",
            '"https://n.example,2026"',
            "16: [feed] authority: must be a tagging entity of RFC 4151",
        ),
        ("contact", '"mailto:s@n.example"', "19: [security] contact: must be a list of strings"),
        ("contact", "[]", "19: [security] contact: must be a list of contact URIs (RFC 9116)"),
        ("contact", '["s@n.example"]', "19: [security] contact: must be a list of contact URIs (RFC 9116)"),
        ("contact", "[1]", "19: [security] contact: must be a list of strings"),
    ],
)
def test_an_invalid_value_is_refused_with_its_line(key: str, value: str, expected: str) -> None:
    """Editors jump to the line."""
    found = tomllib.loads(f"value = {value}")["value"]
    assert [fault.partition("; ")[0] for fault in faults(with_value(key, value))] == [
        f"site.toml:{expected}, not {found!r}"
    ]


@pytest.mark.parametrize(
    ("key", "fix"), [("taglines", "did you mean tagline?"), ("colour", "known: author, lang, login, name, ")]
)
def test_an_unknown_key_is_refused_with_a_suggestion(key: str, fix: str) -> None:
    """A misspelled key would otherwise leave its default in force."""
    (fault,) = faults(with_value(key, '"a"'))
    assert fault.startswith(f"site.toml:6: [site] {key}: unknown key; {fix}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.replace('label = "Two"\n', ""), ["11: [[menu]] label: missing; add label = …"]),
        (
            GOOD.replace('label = "Two"', 'lable = "Two"'),
            ["11: [[menu]] label: missing; add label = …",
             "12: [[menu]] lable: unknown key; did you mean label?"],
        ),
        (
            GOOD.replace('path = "/two/"', 'path = "two"'),
            ["13: [[menu]] path: must be a path of this site, not 'two'; write \"/posts/\""],
        ),
        (
            GOOD.replace('path = "/one/"', 'path = "//one/"'),
            ["9: [[menu]] path: must be a path of this site, not '//one/'; write \"/posts/\""],
        ),
        (GOOD + '\n[[footer]]\nlabel = "X"\n', ["21: [[footer]] path: missing; add path = …"]),
        (GOOD.replace("[site]", "[site] # facts\r").replace("\r\n", "\n").replace('"T"', "1"),
         ['4: [site] tagline: must be a string with text in it, not 1; write "…"']),
        (GOOD + '\n[metadata]\nextra = ["A"]\n',
         ["22: [metadata] extra: must be a table of keys and types, or a list of keys, not ['A'];"
          " use a-z, 0-9 and _"]),
        (GOOD + '\n[metadata.extra]\npin = "flag"\n',
         ["21: [metadata] extra: must have types of \"text\", \"bool\", \"int\", \"date\", \"list\","
          " not {'pin': 'flag'}; write pin = \"text\""]),
        (GOOD + '\n[urls]\npost = "/{name}/"\n',
         ["22: [urls] post: must be a path of this site that ends with / or .html; its placeholders are"
          " {slug}, {path}, {lang}, {category}, {year}, {month}, {day}, not '/{name}/';"
          ' write "/{slug}/", or "/posts/{slug}/"']),
        (GOOD + '\n[urls]\npage = "/{lang}/"\n',
         ["22: [urls] page: must contain {slug} or {path}, not '/{lang}/';"
          " add {slug}: one page has one address"]),
        (GOOD + '\n[metadata]\nextra = ["scene", "url"]\n',
         ["22: [metadata] extra: must be keys that no page has yet, not ['scene', 'url']; rename 'url'"]),
        (GOOD + '\n[build]\nless_compiler = "sass"\n',
         ["22: [build] less_compiler: must be \"lesscpy\" or \"lessc\", not 'sass'; write one of them"]),
        (GOOD + "\n[menus]\na = 1\n", ["21: [menus]: unknown table; did you mean menu?"]),
        ("version = 1\n" + GOOD, ["1: version: must be in a table; move it below [site]"]),
        (GOOD.replace("[site]", "[site"),
         ["1: is not TOML: Expected ']' at the end of a table declaration; fix the syntax"]),
        (GOOD.replace('name = "N"', "name = N"), ["2: is not TOML: Invalid value; fix the syntax"]),
        (GOOD + "\n[feed]\n", ["21: is not TOML: Cannot declare ('feed',) twice; fix the syntax"]),
    ],
)  # fmt: skip
def test_every_table_is_validated_with_lines(text: str, expected: list[str]) -> None:
    """tomllib keeps no positions, so the reader finds them, in an array of tables too."""
    assert faults(text) == [f"site.toml:{line}" for line in expected]


def test_all_faults_are_reported_at_once() -> None:
    """The faults of an empty file are all required keys."""
    assert [fault.split("; ")[0] for fault in faults("")] == [
        "site.toml: [feed] authority: missing",
        "site.toml: [security] contact: missing",
        "site.toml: [site] author: missing",
        "site.toml: [site] name: missing",
        "site.toml: [site] tagline: missing",
        "site.toml: [site] url: missing",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("menu = 1\n[site]\n", "menu: not a table; write it as [[menu]]"),
        ("site = 1\n" + GOOD.replace("[site]", "[sites]"), "site: not a table; write it as [site]"),
        ("menu = [1]\n", "menu: not a table; write it as [[menu]]"),
    ],
)
def test_a_value_instead_of_a_table_is_refused(text: str, expected: str) -> None:
    """It must not count as an empty table."""
    assert any(expected in fault for fault in faults(text))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "site.toml: no such file; run in the directory of the site, or name it with --project"),
        (b"[site]\nname = '\xfc'\n", "site.toml:2: is not UTF-8; save it as UTF-8"),
        (b"a = " + b"[" * 10_000, "site.toml: is nested too deeply; write flat lists"),
    ],
)
def test_an_unreadable_file_is_a_fault(data: bytes | None, expected: str, tmp_path: Path) -> None:
    """Without a traceback: users edit this file first."""
    if data is not None:
        (tmp_path / "site.toml").write_bytes(data)
    with pytest.raises(SourceError) as caught:
        config.load_config(tmp_path)
    assert str(caught.value) == expected


def test_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    """A fork may be edited on Windows."""
    (tmp_path / "site.toml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert config.load_config(tmp_path) == config.parse_config(GOOD)


def test_the_site_toml_of_this_repository_is_valid() -> None:
    """Forks start from it."""
    assert config.load_config(Path(__file__).parents[2]).url.startswith("https://")


PIECES = st.sampled_from(
    (
        *("[", "]", "[[menu]]", "[site]", '"', "'", "=", "\n", "#", "1", "true", "{", "}", ",", "\\"),
        *("a.b", "🦊", "\0", "\r", "1979-05-27", "0x", "nan"),
    )
)


@deterministic
@given(st.data())
def test_parsing_returns_a_config_or_faults(data: st.DataObject) -> None:
    """For every edit of the file; each fault is on one of its lines."""
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


def test_own_keys_have_types_and_a_list_of_them_holds_text() -> None:
    for text, expected in (
        ('[metadata]\nextra = ["a", "b"]', (("a", "text"), ("b", "text"))),
        ('[metadata.extra]\na = "bool"\nb = "date"', (("a", "bool"), ("b", "date"))),
    ):
        assert config.parse_config(f"{GOOD}\n{text}\n").metadata_extra == expected
