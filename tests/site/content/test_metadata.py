"""Front matter is checked key by key: good values become typed ones, bad ones a fault with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import SourceError
from pipelines.site.content import front_matter, metadata
from pipelines.site.content.front_matter import MetadataEntry
from pipelines.site.content.metadata import KEYS, Metadata
from pipelines.site.content.slugs import slugify

steady = settings(derandomize=True, max_examples=200, deadline=None, database=None)

Value = str | tuple[str, ...] | None
BERLIN = "Europe/Berlin"
OWN = (("scene", "text"), ("pin", "bool"), ("rank", "int"), ("event", "date"), ("places", "list"))


def parse(values: Mapping[str, Value], zone: str = BERLIN) -> Metadata:
    """Parse *values* of a page that has a title, one key a line from line 3 on."""
    entries = [MetadataEntry("title", "T", 2)] if "title" not in values else []
    entries += [MetadataEntry(key, value, line) for line, (key, value) in enumerate(values.items(), 3)]
    return metadata.parse_metadata(entries, "a.md", timezone=zone, extra=OWN)


def fault(values: Mapping[str, Value], zone: str = BERLIN) -> str:
    try:
        return "\n".join(map(str, parse(values, zone).faults))
    except SourceError as error:
        return str(error)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("title", "  NO  ", "NO"),
        ("title", "two\n  lines", "two lines"),
        ("slug", "007", "007"),
        ("slug", "a-b-C3", "a-b-C3"),
        ("slug", "v1.2_rc-3", "v1.2_rc-3"),
        ("author", "Jane Doe", ("Jane Doe",)),
        ("author", "Jane Doe, Richard Roe", ("Jane Doe", "Richard Roe")),
        ("author", "Doe, Jane; Roe, Richard", ("Doe, Jane", "Roe, Richard")),
        ("author", ("Doe, Jane",), ("Doe, Jane",)),
        ("tags", "one, two,, ", ("one", "two")),
        ("tags", "one; two", ("one", "two")),
        ("tags", ("one, two", " three  four "), ("one, two", "three four")),
        ("tags", ("C", "C++", "C#"), ("C", "C++", "C#")),
        ("tags", "", ()),
        ("tags", (), ()),
        ("category", " A  b ", "A b"),
        ("category", "", ""),
        ("status", "Draft", "draft"),
        ("status", "published", "published"),
        ("status", "", "published"),
        ("access", "MEMBERS", "members"),
        ("access", "public", "public"),
        ("series", "One", "One"),
        ("summary", "a *b*\n\nc", "a *b*\n\nc"),
        ("aliases", "/old/, /older", ("/old/", "/older")),
        ("aliases", ("/grüße aus köln/", "/a.html", "/"), ("/grüße aus köln/", "/a.html", "/")),
        ("image", "../images/a b.png", "../images/a b.png"),
        ("lang", "de-AT", "de-AT"),
        ("date", "", None),
    ],
)
def test_a_good_value_is_taken(key: str, value: Value, expected: object) -> None:
    """What an author means, whichever way it is written."""
    assert getattr(parse({key: value}), key) == expected


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("title", "", "has no title; add a line `title: …`"),
        ("title", None, "'title' has a nested value; write a text or a flat list; "),
        ("tags", None, "'tags' has a nested value; write a text or a flat list; "),
        ("date", None, "'date' has a nested value; write `date: …` and `modified: …`"),
        ("scene", None, "'scene' has a nested value; write a text or a flat list; "),
        ("taxonomies", None, "unknown key 'taxonomies'; write `tags: […]` and `category: …` as keys of "),
        ("params", None, "unknown key 'params'; write its keys one by one; "),
        ("title", ("a",), "'title' must not be a list; write one text"),
        ("titel", "a", "unknown key 'titel'; did you mean title?"),
        ("scenes", "a", "unknown key 'scenes'; did you mean scene?"),
        ("scene", ("a",), "'scene' must not be a list; write one text"),
        ("xyzzy", "a", "unknown key 'xyzzy'; remove the line, or declare the key in [metadata.extra]"),
        ("slug", "a b", "slug 'a b' is not a URL slug; write 'a-b'"),
        ("slug", "über", "slug 'über' is not a URL slug; write 'uber'"),
        ("slug", "v1..2", "slug 'v1..2' is not a URL slug; write 'v12'"),
        ("slug", ".well-known", "slug '.well-known' is not a URL slug; write 'well-known'"),
        ("slug", "/a/b", "slug '/a/b' is a whole address; write it as `url: /a/b/`"),
        ("slug", "a/b", "slug 'a/b' is a whole address; write it as `url: /a/b/`"),
        ("slug", "../a", "slug '../a' is not a URL slug; write 'a'"),
        ("slug", "-", "slug '-' is not a URL slug; use letters, digits and hyphens"),
        ("author", ("A", "A"), "author: 'A' is listed twice; name it once"),
        ("tags", "a, b, a", "tags: 'a' is listed twice; name it once"),
        ("tags", ("C#", "c sharp"), "tags: 'c sharp' has the URL of 'C#'; name it once"),
        ("tags", ("!",), "tag '!' gives an empty URL; use at least one letter or digit"),
        ("tags", ("a" * 151,), f"tag '{'a' * 39}…' is too long for a URL (151 characters); use at most 150"),
        ("slug", "a" * 151, f"slug '{'a' * 39}…' is too long for a URL (151 characters); use at most 150"),
        ("series", "转" * 60, f"series '{'转' * 39}…' is too long for a URL (359 characters); "),
        ("category", "…", "category '…' gives an empty URL; use at least one letter or digit"),
        (
            "category",
            ("a", "b"),
            "'category' must not be a list; write one text, further ones are `tags: […]`",
        ),
        ("image", None, "'image' has a nested value; write its path alone, as in `image: a.jpg`"),
        ("image", ("a", "b"), "'image' must not be a list; write one path"),
        ("author", None, "'author' has a nested value; write a name, or a list of names"),
        ("series", "?", "series '?' gives an empty URL; use at least one letter or digit"),
        ("status", "hidden", "unknown status 'hidden'; write published or draft"),
        ("access", "private", "unknown access 'private'; write public or members"),
        ("lang", "English", "lang 'English' is not a language tag; write en or de-AT (BCP 47)"),
        ("lang", "de_AT", "lang 'de_AT' is not a language tag; write de-AT"),
        ("lang", "pt_BR.UTF-8", "lang 'pt_BR.UTF-8' is not a language tag; write pt-BR"),
        ("lang", "DE", "lang 'DE' is not a language tag; write en or de-AT (BCP 47)"),
        ("aliases", "old/", "alias 'old/' is not a path; write '/old/'"),
        ("aliases", "old", "alias 'old' is not a path; write '/old/'"),
        ("aliases", "old.html", "alias 'old.html' is not a path; write '/old.html'"),
        ("aliases", "https://a.example/b?c", "alias 'https://a.example/b?c' is not a path; write '/b/'"),
        ("publish date", "2026-05-01", "unknown key 'publish date'; write `date: …`; "),
        ("is draft", "true", "unknown key 'is draft'; write `status: draft`"),
        ("aliases", ("A Note",), "alias 'A Note' is not a path; write a path of this site, as in /old/page/"),
        ("aliases", "/" + "x" * 900, f"alias '/{'x' * 38}…' is longer than 900 bytes; shorten it"),
        ("aliases", "//host/", "alias '//host/' is not a path; "),
        ("aliases", "/a//b", "alias '/a//b' is not a path; "),
        ("aliases", "/a/../b", "alias '/a/../b' is not a path; "),
        ("aliases", "/a?b=c", "alias '/a?b=c' is not a path; "),
        (
            "aliases",
            "/%C3%BC",
            "alias '/%C3%BC' has a percent-escape; write the letters themselves, as in '/ü'",
        ),
        ("date", "yesterday", "date 'yesterday' is not a date; write it as 2026-05-01, "),
        ("date", "1.5.2026", "date '1.5.2026' is not a date; write 2026-05-01"),
        ("date", "2026/05/01", "date '2026/05/01' is not a date; write 2026-05-01"),
        (
            "date",
            "May 1, 2026 at 8:30 am",
            "date 'May 1, 2026 at 8:30 am' is not a date; write 2026-05-01 08:30",
        ),
        ("date", "Fri 1st Sept 2026", "date 'Fri 1st Sept 2026' is not a date; write 2026-09-01"),
        ("date", "5/13/2026", "date '5/13/2026' is not a date; write 2026-05-13"),
        ("date", "13/5/2026", "date '13/5/2026' is not a date; write 2026-05-13"),
        ("date", "5/6/2026", "date '5/6/2026' is not a date; write it as 2026-05-01, "),
        ("date", "May 40, 2026", "date 'May 40, 2026' is not a date; write it as 2026-05-01, "),
        ("date", "Mai 1, 2026", "date 'Mai 1, 2026' is not a date; write it as 2026-05-01, "),
        ("date", "[[2026-05-01]]", "date '[[2026-05-01]]' is not a date; write 2026-05-01"),
        (
            "date",
            "8:30",
            "date '8:30' is a time without a day; write the day before it, as in 2026-05-01 8:30",
        ),
        (
            "date",
            "1777660200",
            "date '1777660200' is a number of seconds, not a date; write 2026-05-01 18:30Z",
        ),
        (
            "date",
            "1777660200123",
            "date '1777660200123' is a number of seconds, not a date; write 2026-05-01 ",
        ),
        ("date", "20261301", "date '20261301' is not a date; write it as 2026-05-01, "),
        ("date", "20260501 8:30", "date '20260501 8:30' is not a date; write it as 2026-05-01, "),
        (
            "date",
            "2026-05-01 18:30 CEST",
            "date '2026-05-01 18:30 CEST' is not a date; write it as 2026-05-01, ",
        ),
        ("date", "2026-05", "date '2026-05' is not a date; "),
        ("date", "2026-05-01 8:30 PM", "date '2026-05-01 8:30 PM' is not a date; write 2026-05-01 20:30"),
        ("date", "2026-02-29", "date '2026-02-29' is not a date; "),
        ("date", "2026-05-01 24:00", "date '2026-05-01 24:00' is not a date; write it as 2026-05-01, "),
        ("date", "2026-05-01 12:00+24:00", "date '2026-05-01 12:00+24:00' is not a date; "),
        ("date", "2026-05-01 12:00+02:60", "date '2026-05-01 12:00+02:60' is not a date; "),
        ("date", "2026-05-01T12:00:00.Z", "date '2026-05-01T12:00:00.Z' is not a date; "),
        ("date", "1969-12-31", "date '1969-12-31' is not within 1970 to 9998; fix the year"),
        ("date", "9999-12-31 23:59", "date '9999-12-31 23:59' is not within 1970 to 9998; fix the year"),
        ("modified", "soon", "modified 'soon' is not a date; "),
    ],
)
def test_a_bad_value_is_refused_with_a_way_out(key: str, value: Value, message: str) -> None:
    """The message stands on the line of the key."""
    assert fault({key: value})[: len(message) + 8] == f"a.md:3: {message}"


def test_all_faults_of_a_page_are_reported_at_once() -> None:
    """An author fixes all faults after one build, not one after each."""
    reported = fault({"titel": "a", "date": "x", "tags": ("!", "b", "b"), "status": "y"}).splitlines()
    assert [line.split(":")[1] for line in reported] == ["3", "4", "5", "5", "6"]


def test_a_page_with_a_key_that_nothing_reads_has_all_its_other_values() -> None:
    """[checks] may make unknown keys a warning: the page is built then."""
    found = parse({"layout": "post", "tags": "a", "cover": None})
    assert found.tags == ("a",)
    assert [(fault.line, fault.check) for fault in found.faults] == [(3, "unknown-key"), (5, "unknown-key")]


@pytest.mark.parametrize(
    ("key", "value", "check"),
    [
        ("draft", "true", "metadata"),
        ("draft", "false", "unknown-key"),
        ("published", "false", "metadata"),
        ("published", "true", "unknown-key"),
        ("private", "yes", "metadata"),
        ("password", "secret", "metadata"),
        ("visibility", "hidden", "metadata"),
        ("isdraft", "true", "metadata"),
        ("protected", "true", "metadata"),
        ("protected", "false", "unknown-key"),
        ("visibility", "public", "unknown-key"),
        ("publish", "false", "metadata"),
        ("publish", "true", "unknown-key"),
        ("render", "false", "metadata"),
        ("hidden", "true", "metadata"),
        ("hidden", "false", "unknown-key"),
        ("unlisted", "true", "metadata"),
        ("build", None, "metadata"),
        ("permalink", "false", "metadata"),
        ("publishdate", "2030-01-01", "metadata"),
        ("publishdate", "", "unknown-key"),
        ("expirydate", "2026-01-01", "metadata"),
        ("layout", "post", "unknown-key"),
    ],
)
def test_a_draft_of_another_generator_is_never_published(key: str, value: Value, check: str) -> None:
    """[checks] may turn unknown keys into warnings, but not a draft into a post."""
    try:
        faults = parse({key: value}).faults
    except SourceError as error:
        faults = error.faults
    assert [fault.check for fault in faults] == [check]


def test_a_repeated_key_is_refused() -> None:
    """Which of the two would win is a matter of luck."""
    entries = [MetadataEntry("title", "a", 2), MetadataEntry("tags", "b", 3), MetadataEntry("tags", "c", 5)]
    with pytest.raises(SourceError, match=r"^a\.md:5: 'tags' is set twice, first on line 3; "):
        metadata.parse_metadata(entries, "a.md", timezone=BERLIN)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("scene", " NO ", " NO "),
        ("pin", "Yes", True),
        ("pin", "false", False),
        ("pin", "", False),
        ("rank", "-12", -12),
        ("rank", "007", 7),
        ("rank", "", None),
        ("event", "2026-05-01", datetime(2026, 5, 1, tzinfo=ZoneInfo(BERLIN))),
        ("places", "Rome, Oslo", ("Rome", "Oslo")),
        ("places", ("Rome, Italy",), ("Rome, Italy",)),
    ],
)
def test_an_own_key_has_the_type_that_the_site_declares(key: str, value: Value, expected: object) -> None:
    """A template tests a flag; the text "no" would be true."""
    assert parse({key: value}).extra == ((key, expected),)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pin", "maybe", "'pin' 'maybe' is not a bool; write true or false"),
        ("rank", "1.5", "'rank' '1.5' is not an integer; write digits, as in 12"),
        ("rank", "9" * 5000, "'rank' '99"),
        ("event", "soon", "'event' 'soon' is not a date; write it as 2026-05-01, "),
        ("rank", ("1",), "'rank' must not be a list; write one text"),
        ("pins", "true", "unknown key 'pins'; did you mean pin?"),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: Value, message: str) -> None:
    assert fault({key: value})[: len(message) + 8] == f"a.md:3: {message}"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("/a/b/", ""),
        ("/2026/05/a.html", ""),
        ("/v1.2/", ""),
        ("about", "write '/about/', and"),
        ("/about", "write '/about/', and"),
        ("https://example.org/Über uns?x=1", "write '/uber-uns/', and"),
        ("/a/index.html", "write '/a/', and"),
        ("/a.html/b/", "write '/a.html/b/', and"),
        ("/a/../b/", "write '/a/b/', and"),
        ("/a.php", "write '/a.php/', and"),
        ("//a/", "write '/a/', and"),
        ("/", "remove it: the front page is content/pages/index.md"),
    ],
)
def test_a_url_is_one_that_a_server_of_files_has(written: str, message: str) -> None:
    """NGINX serves a directory or a file with .html; other old addresses redirect."""
    if not message:
        assert parse({"url": written}).url == written
        return
    start = f"a.md:3: url {written!r} is not an address that can be served; {message}"
    assert fault({"url": written})[: len(start)] == start


def test_the_id_of_a_feed_entry_is_an_iri() -> None:
    """RFC 4287, 4.2.6; Docusaurus has an `id` that is none."""
    for good in ("urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a", "https://example.org/?p=1", "tag:a,2020:b"):
        assert parse({"id": good}).id == good
    assert fault({"id": "intro"}).startswith("a.md:3: id 'intro' is not an IRI; write the id of the entry in")


def test_what_a_heading_or_a_name_implies_gives_way_to_front_matter() -> None:
    implied = [MetadataEntry("title", "From the text", 9), MetadataEntry("date", "2026-01-01", 1)]
    entries = [MetadataEntry("date", "2026-05-01 12:00", 2)]
    found = metadata.parse_metadata(entries, "a.md", timezone=BERLIN, implied=implied)
    assert (found.title, found.date) == ("From the text", datetime(2026, 5, 1, 12, tzinfo=ZoneInfo(BERLIN)))
    assert found.line("title") == 9


def test_a_change_before_the_beginning_is_refused() -> None:
    """A feed with such an entry is not valid."""
    message = "a.md:4: modified is earlier than date; "
    assert fault({"date": "2026-05-01", "modified": "2026-04-30"})[: len(message)] == message
    assert parse({"date": "2026-05-01", "modified": "2026-05-01"}).modified is not None


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-05-01", "2026-04-30T22:00:00+00:00"),
        ("2026-12-01", "2026-11-30T23:00:00+00:00"),
        ("2026-05-01 18:30", "2026-05-01T16:30:00+00:00"),
        ("2026-05-01T18:30:15", "2026-05-01T16:30:15+00:00"),
        ("2026-05-01 18:30Z", "2026-05-01T18:30:00+00:00"),
        ("2026-05-01 18:30 +05:30", "2026-05-01T13:00:00+00:00"),
        ("2026-05-01T18:30:00-0930", "2026-05-02T04:00:00+00:00"),
        ("2026-5-1", "2026-04-30T22:00:00+00:00"),
        ("2026-05-01 8:30", "2026-05-01T06:30:00+00:00"),
        ("20260501", "2026-04-30T22:00:00+00:00"),
        ("20260501T1830", "2026-05-01T16:30:00+00:00"),
        ("20260501T183015Z", "2026-05-01T18:30:15+00:00"),
        ("20260501T183015+0530", "2026-05-01T13:00:15+00:00"),
        ("2026-05-01T18:30:15+05:30", "2026-05-01T13:00:15+00:00"),
        ("2026-05-01T18:30:00.123Z", "2026-05-01T18:30:00+00:00"),
        ("2026-05-01t18:30:00.123456789z", "2026-05-01T18:30:00+00:00"),
        ("2026-05-01 18:30:00 -0500", "2026-05-01T23:30:00+00:00"),
        ("2026-05-01 18:30:00 +2", "2026-05-01T16:30:00+00:00"),
        ("2026-05-01   18:30:00 UTC", "2026-05-01T18:30:00+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),  # twice on that night: the first one
    ],
)
def test_a_date_without_an_offset_is_of_the_site_s_zone(written: str, moment: str) -> None:
    """The machine that builds stands anywhere."""
    found = parse({"date": written}).date
    assert found is not None
    assert found.astimezone(UTC).isoformat() == moment


@pytest.mark.parametrize(
    ("zone", "before", "gone", "after"),
    [
        ("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:00"),
        ("America/New_York", "2026-03-08 01:59", "2026-03-08 02:00", "2026-03-08 03:00"),
        ("Australia/Lord_Howe", "2026-10-04 01:59", "2026-10-04 02:29", "2026-10-04 02:30"),
        ("Pacific/Apia", "2011-12-29 23:59", "2011-12-30", "2011-12-31"),  # a whole day
    ],
)
def test_a_time_that_the_clocks_jump_over_is_refused(zone: str, before: str, gone: str, after: str) -> None:
    """It would be published an hour away from where its author put it."""
    message = f"a.md:3: date '{gone}' does not exist in {zone}; "
    assert fault({"date": gone}, zone)[: len(message)] == message
    for fine in (before, after):
        assert parse({"date": fine}, zone).date is not None


MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30)).map(lambda m: m.replace(microsecond=0))
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@steady
@given(MOMENTS, OFFSETS, st.sampled_from("T "), st.sampled_from(["", " "]))
def test_a_date_with_any_offset_comes_back(moment: datetime, offset: timezone, sign: str, gap: str) -> None:
    """Every minute of every zone."""
    moment = moment.replace(tzinfo=offset)
    text = moment.isoformat(sign)
    found = parse({"date": text[:19] + gap + text[19:]}).date
    assert found is not None
    assert (found, found.utcoffset()) == (moment, moment.utcoffset())


@steady
@given(MOMENTS, st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati"]))
def test_a_date_without_an_offset_exists_or_is_refused(moment: datetime, zone: str) -> None:
    """It shows the clock that the author saw, or it is a fault."""
    there = moment.replace(tzinfo=ZoneInfo(zone))
    back = there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if back == moment:
        assert parse({"date": moment.isoformat()}, zone).date == there
    else:
        assert "does not exist" in fault({"date": moment.isoformat()}, zone)


@steady
@given(st.text())
def test_a_slug_is_ascii_and_its_own_slug(text: str) -> None:
    """It stands in URLs, file names and ids of headings."""
    slug = slugify(text)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert slugify(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("C", "c"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        ("Grüße aus Köln!", "grusse-aus-koln"),
        ("  a_b -- c  ", "a-b-c"),
        ("…", ""),
    ],
)
def test_text_is_slugified(text: str, slug: str) -> None:
    """URLs that people have linked to must not change."""
    assert slugify(text) == slug


NAMES = st.sampled_from(sorted(KEYS)) | st.text(max_size=8)
WORDS = st.text(max_size=30) | st.sampled_from(["2026-05-01", "9998-12-31 23:59", "/a/", "draft", "a, b"])
VALUES = WORDS | st.lists(WORDS, max_size=3).map(tuple)
ENTRIES = st.lists(st.builds(MetadataEntry, NAMES, VALUES, st.integers(1, 99)))


@steady
@given(ENTRIES, st.sampled_from(["UTC", BERLIN, "Pacific/Kiritimati", "Pacific/Pago_Pago"]))
def test_parsing_is_total(entries: list[MetadataEntry], zone: str) -> None:
    """Whatever stands in front matter, it is metadata or a fault on one of its lines."""
    lines = {entry.line for entry in entries} | {1}
    reported: set[int] = set()
    try:
        assert metadata.parse_metadata(entries, "a.md", timezone=zone).title
    except SourceError as error:
        reported = {fault.line for fault in error.faults}
    assert reported <= lines


WORD = st.from_regex(r"[a-zäöü]{1,8}", fullmatch=True)
SIGNS = st.sampled_from(["#1", "a:", "'", '"', "-", "NO", "{x}", "007"])
WRITTEN = st.fixed_dictionaries(
    {"title": st.lists(WORD | SIGNS, min_size=1).map(" ".join)},
    optional={
        "slug": st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True),
        "tags": st.lists(WORD, unique_by=slugify, min_size=1, max_size=4).map(tuple),
        "status": st.sampled_from(["draft", "published"]),
        "access": st.sampled_from(["public", "members"]),
        "date": MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
    },
)


@pytest.mark.slow
@steady
@given(WRITTEN)
def test_what_is_written_in_yaml_is_what_a_page_has(values: dict[str, object]) -> None:
    """The whole way: from a page's facts to a file and back."""
    plain = {key: list(value) if isinstance(value, tuple) else str(value) for key, value in values.items()}
    source = front_matter.split_front_matter(f"---\n{yaml.safe_dump(plain, allow_unicode=True)}---\n", "a.md")
    found = metadata.parse_metadata(source.entries, "a.md", timezone=BERLIN)
    assert {key: getattr(found, key) for key in values} == values


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("draft", "true", "write `status: draft`"),
        ("draft", "false", "remove the line: a page is published unless it says `status: draft`"),
        ("published", "false", "write `status: draft`"),
        ("published", "true", "remove the line: a page is published unless it says `status: draft`"),
        ("published", "2026-05-01", "write it as `date: …`"),
        ("hidden", "true", "write `status: draft`, or remove the line"),
        ("permalink", "false", "write `status: draft`"),
        ("expiryDate", "2026-05-01", "remove the line, and write `status: draft` when its time is over"),
        ("time", "8:30", "write the time into the date, as in `date: 2026-05-01 18:30`"),
        ("cascade", None, "remove the line: the directory of a file decides which template it has"),
        (
            "toc_sticky",
            "true",
            "remove the line: a page with three sections has a table of contents; `[TOC]`"
            " puts one into the text",
        ),
        ("share", "true", "remove the line: the theme decides what stands beside the text"),
        ("<<", "x", "write its keys one by one"),
        ("lastmod", "2026-05-01", "write `modified: …`"),
        ("last_modified_at", "2026-05-01", "write `modified: …`"),
        ("updatedDate", "2026-05-01", "write `modified: …`"),
        ("publishDate", "2026-05-01", "write `date: …`; a post with a later date is published then"),
        ("description", "x", "write `summary: …`"),
        ("keywords", "x", "write `tags: […]`"),
        ("categories", ("x", "y"), "write one `category: …`; further ones are `tags: […]`"),
        ("authors", ("x",), "write `author: …`, a name or a list of names"),
        ("language", "de", "write `lang: …`, as in `lang: de`"),
        ("featured_image", "a.jpg", "write `image: …`, one path"),
        ("permalink", "/a/b/", "write `url: /a/b/`"),
        ("permalink", "pretty", "write `url: /an/address/`; [urls] of site.toml has patterns for all"),
        ("redirect_from", "/a/", "write `aliases: [/old/address/]`"),
        ("layout", "post", "remove the line: the directory of a file decides which template it has"),
        ("weight", "10", "remove the line: posts are ordered by date, the menu is in site.toml"),
        ("math", "true", "remove the line: what a page does not use costs it nothing"),
        ("comments", "true", "remove the line: pages have no comments"),
        ("sticky", "true", "remove the line, or declare the key in [metadata.extra] of site.toml"),
    ],
)
def test_a_key_of_another_generator_names_what_it_is_here(key: str, value: Value, fix: str) -> None:
    """Edit distance would turn `draft` into `date`: an author needs the key that does the same."""
    assert fault({key.lower(): value}) == f"a.md:3: unknown key {key.lower()!r}; {fix}"
