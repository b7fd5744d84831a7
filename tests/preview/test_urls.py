"""The preview resolves paths and redirects as NGINX does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.preview import urls
from pipelines.site.output import machine_files
from tests.support import loopback_addresses
from tests.support.previews import DevServer, preview_site, run_dev_server
from tests.support.project import write


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/tech/",                 "/tech/"),
        (b"/%74ech/",               "/tech/"),
        (b"/gr%C3%BCn/",            "/grün/"),
        (b"//tech///x",             "/tech/x"),
        (b"/a%2Fb",                 "/a/b"),
        (b"/a..b/",                 "/a..b/"),
        (b"/%252e%252e/",           "/%2e%2e/"),
        (b"/../x",                  None),
        (b"/a/%2e%2e/x",            None),
        (b"/%2e%2e%2fx",            None),
        (b"/a/./x",                 None),
        (b"/..%5cx",                None),
        (b"/a%00.html",             None),
        (b"/a%0d%0ab",              None),
        (b"/%ff",                   None),
        (b"/%zz",                   None),
        (b"http://localhost/",      None),
        (b"",                       None),
    ],
)  # fmt: skip
def test_a_path_is_decoded_once_and_never_leaves_the_tree(raw: bytes, path: str | None) -> None:
    assert urls.decode_path(raw) == path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A built tree with the files that the addresses need."""
    public = ("index.html", "tech/index.html", "feed.atom", "404.html", "files/facts.csv")
    gated = ("members/index.html", "members/x/index.html")
    for name in [f"public/{name}" for name in public] + [f"gated/{name}" for name in gated]:
        write(tmp_path / "tree" / name, name)
    write(tmp_path / "secret.txt", "secret")
    (tmp_path / "tree/public/link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "tree/public/linked").symlink_to(tmp_path / "tree/gated/members")
    (tmp_path / "tree/public/circle").symlink_to("circle")
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("path", "meaning"),
    [
        ("/",                      "public/index.html"),
        ("/tech/",                 "public/tech/index.html"),
        ("/tech",                  "-> /tech/"),
        ("/tech/index.html",       "-> /tech/"),
        ("/index.html",            "-> /"),
        ("/feed.atom",             "public/feed.atom"),
        ("/feed.atom/",            None),
        ("/files/",                None),  # a folder is not listed
        ("/files",                 None),
        ("/members/",              "gated/members/index.html"),
        ("/members",               "-> /members/"),
        ("/members/x",             "-> /members/x/"),
        ("/members/was",           "-> /members/x/"),
        ("/MEMBERS/WAS",           "-> /members/x/"),
        ("/MEMBERS/x/",            None),
        ("/404.html",              None),  # an error page has no address
        ("/old/",                  "-> /tech/"),
        ("/OLD/",                  "-> /tech/"),  # an NGINX map ignores case
        ("/link.txt",              None),
        ("/linked/",               None),
        ("/linked/x/",             None),
        ("/circle",                None),
        ("/tech/index.html/x",     None),
        ("/" + "x" * 300,          None),
    ],
)  # fmt: skip
def test_a_path_resolves_as_under_nginx(tree: Path, path: str, meaning: str | None) -> None:
    """A page has one address; a symbolic link out of the tree is not found."""
    found = urls.resolve_path(tree, {"/old/": "/tech/", "members /members/was": "/members/x/"}, path)
    if isinstance(found, urls.Redirect):
        assert meaning == f"-> {found.location}"
    else:
        assert (found.file.relative_to(tree).as_posix() if found else None) == meaning


def test_the_map_of_aliases_is_read_as_the_build_wrote_it(tmp_path: Path) -> None:
    aliases = {'/a"b\\c/': "/x/", "/Alt/": "/grün/", "/p$q": "/y/", "/members/Was": "/members/x/"}
    write(tmp_path / "aliases.map", machine_files.nginx_alias_map(aliases, login=True))
    assert urls.read_aliases(tmp_path / "aliases.map") == {
        '/a"b\\c/': "/x/",
        "/alt/": "/gr%C3%BCn/",
        "/p$q": "/y/",
        "members /members/was": "/members/x/",
    }


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A preview of the site that the web image is tested with."""
    with run_dev_server(preview_site(tmp_path_factory.mktemp("preview"), loopback_addresses.MORE)) as one:
        yield one


@pytest.mark.parametrize(("path", "status", "kind"), loopback_addresses.RESPONSES)
def test_a_path_has_the_response_of_the_web_image(
    preview: DevServer, path: str, status: int, kind: str
) -> None:
    response = preview.get(path)
    assert (response.status, response.headers["content-type"]) == (status, kind)


@pytest.mark.parametrize(("path", "location"), loopback_addresses.REDIRECTS)
def test_a_path_redirects_as_in_the_web_image(preview: DevServer, path: str, location: str) -> None:
    response = preview.get(path)
    assert (response.status, response.headers["location"]) == (301, location)
