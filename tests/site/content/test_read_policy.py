"""Which files of the tree a build reads: what a link may lead to, what no page may publish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.core.errors import SourceError
from pipelines.image.web import web_files
from pipelines.preview.watch import is_relevant
from pipelines.site.content.read_policy import project_policy, secret_kind
from pipelines.site.diagrams.render import render_diagrams
from pipelines.site.less.compile import compile_less
from pipelines.tools import git_history as tool
from tests.site.less.css_rules import need_npm
from tests.support.project import COMMITTED, ROOT, build_site, commit_all, files_of, git, tiny_site, write

CANARY = "canary-2f6b70"
PAGE = "---\ntitle: About\n---\n[a](../files/a.txt)\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>{}</title></svg>\n'
# What must never leave the machine, and does not lie below content/ or theme/.
SECRETS = {
    "site.agekey": f"AGE-SECRET-KEY-1{CANARY}",
    "var/login.sqlite3": CANARY,
    "var/a.txt": CANARY,
    "var/a.svg": SVG.format(CANARY),
    "var/a.md": f"---\ntitle: A\ndate: 2026-01-01\n---\n{CANARY}\n",
    "var/a.html": f"<p>{CANARY}</p>",
    "var/a.js": f'"{CANARY}"',
    "var/a.css": f'a::after {{ content: "{CANARY}" }}',
    "var/a.less": f'a::after {{ content: "{CANARY}" }}',
    "var/a.toml": f'skip = "{CANARY}"',
    "var/a.woff2": CANARY,
    "out/site/gated/members/inside/index.html": CANARY,
}


def site_with(folder: Path, *, history: bool = True) -> Path:
    """Make a small site that was committed, with secrets beside it that were not."""
    site = tiny_site(folder, {"content/pages/about.md": PAGE, "content/files/a.txt": "an attachment\n"})
    write(site / ".gitignore", "/out/\n/var/\n*.agekey\n")
    if history:
        commit_all(site, COMMITTED)
    for name, text in SECRETS.items():
        write(site / name, text)
    return site


def commit_all_of(site: Path) -> None:
    commit_all(site, 1_775_000_100)


@pytest.fixture(params=["git", "no git"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The site as it is cloned, and as it is unpacked from an archive."""
    return site_with(tmp_path, history=request.param == "git")


def link(site: Path, path: str, target: str) -> None:
    """Make the link *path* to *target*, both relative to the project."""
    file = site / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(os.path.relpath(site / target, os.path.realpath(file.parent)))


def faults_of(site: Path) -> list[str]:
    """Build *site*, which fails; return its faults. Nothing secret may be public."""
    before = files_of(site / "out")
    with pytest.raises(SourceError) as caught:
        build_site(site)
    assert {**before, ".lock": b""} == files_of(site / "out")
    assert CANARY not in str(caught.value)
    return [f"{fault.path}: {fault.text}" for fault in caught.value.faults]


def published(site: Path) -> bytes:
    """Build *site*; return all that strangers may read of it and all that its image holds."""
    build_site(site)
    write(site / "images/web/nginx/nginx.conf", "# none\n")
    _, layers = web_files(site, config.load_config(site))
    return b"\0".join(
        [*files_of(site / "out/site/public").values(), *(f.data for files in layers.values() for f in files)]
    )


# --- One link a reader of the tree ---

READERS = [
    ("content/posts/x.md",            "var/a.md"),
    ("content/members/x.md",          "var/a.md"),
    ("content/files/a.txt",           "var/a.txt"),
    ("content/files/age.txt",         "site.agekey"),
    ("content/images/x.svg",          "var/a.svg"),
    ("content/diagrams/x.puml",       "var/a.txt"),
    ("content/diagrams/x.svg",        "var/a.svg"),
    ("content/extra/x.txt",           "var/a.txt"),
    ("content/extra/v",               "var"),
    ("content/extra/g",               "out/site/gated"),
    ("content/extra/x.sqlite3",       "var/login.sqlite3"),
    ("content/extra/.well-known/x",   "var/a.txt"),
    ("theme/templates/x.html",        "var/a.html"),
    ("theme/templates/base.html",     "var/a.html"),
    ("theme/templates/parts",         "var"),
    ("theme/less/x.less",             "var/a.less"),
    ("theme/less/site.less",          "var/a.less"),
    ("theme/css/x.css",               "var/a.css"),
    ("theme/js/x.js",                 "var/a.js"),
    ("theme/images/x.svg",            "var/a.svg"),
    ("theme/fonts/x.woff2",           "var/a.woff2"),
    ("theme/strings/fr.toml",         "var/a.toml"),
    ("theme/static/x.txt",            "var/a.txt"),
    ("theme/static/v",                "var"),
]  # fmt: skip


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize(("path", "target"), READERS)
def test_no_reader_follows_a_link_out_of_content_and_theme(tmp_path: Path, path: str, target: str) -> None:
    """The build went well, and the image held session keys, the database and members' pages."""
    site = site_with(tmp_path)
    link(site, path, target)
    commit_all_of(site)
    text = f"{path}: is a link that leads to {target}, which is not below content/ or theme/"
    assert text in faults_of(site)


def link_to_a_file_that_is_not_committed(site: Path) -> None:
    write(site / "content/files/new.txt", "new")
    link(site, "content/extra/x.txt", "theme/images/mark.svg")
    link(site, "content/more/x.txt", "content/files/new.txt")


def link_to_a_folder_with_a_file_that_is_not_committed(site: Path) -> None:
    link(site, "content/more", "content/files")
    commit_all_of(site)
    write(site / "content/files/new.txt", "new")


def chain(site: Path) -> None:
    link(site, "content/files/one", "content/files/two")
    link(site, "content/files/two", "var/a.txt")


def behind_a_folder(site: Path) -> None:
    link(site, "content/files/sub/v", "var")
    link(site, "content/more", "content/files/sub")


def absolute(site: Path) -> None:
    (site / "content/files/x.txt").symlink_to(site / "var/a.txt")


def draft_under_another_name(site: Path) -> None:
    write(site / "content/posts/draft.md", "---\ntitle: D\ndate: 2026-01-01\nstatus: draft\n---\nx\n")
    link(site, "content/files/d.txt", "content/posts/draft.md")
    link(site, "theme/js/d.js", "content/posts/draft.md")
    link(site, "theme/templates/d", "content/posts")


def members_in_the_theme(site: Path) -> None:
    write(site / "content/members/x.svg", SVG.format("x"))
    link(site, "theme/images/x.svg", "content/members/x.svg")
    link(site, "theme/images/all", "content")


def tree_that_is_a_link(site: Path) -> None:
    (site / "theme").rename(site / "look")
    link(site, "theme", "look")


def key_and_database(site: Path) -> None:
    write(site / "content/files/cert.pem", "public")
    write(site / "content/files/id_ed25519", "private")
    link(site, "content/files/b", "content/files/cert.pem")


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (
            link_to_a_file_that_is_not_committed,
            ["content/more/x.txt: is a link that leads to content/files/new.txt, which Git does not track"],
        ),
        (
            link_to_a_folder_with_a_file_that_is_not_committed,
            [
                "content/more/new.txt: is below a link and leads to content/files/new.txt,"
                " which Git does not track"
            ],
        ),
        (
            chain,
            [
                f"content/files/{name}: is a link that leads to var/a.txt,"
                " which is not below content/ or theme/"
                for name in ("one", "two")
            ],
        ),
        (
            behind_a_folder,
            [
                f"content/{name}/v: is a link that leads to var, which is not below content/ or theme/"
                for name in ("files/sub", "more")
            ],
        ),
        (
            absolute,
            ["content/files/x.txt: is a link that leads to var/a.txt, which is not below content/ or theme/"],
        ),
        (
            draft_under_another_name,
            [
                "content/files/d.txt: is a link that leads to content/posts/draft.md, and would publish its"
                " source",
                "theme/js/d.js: is a link that leads to content/posts/draft.md, and would publish its source",
                "theme/templates/d/draft.md: is below a link and leads to content/posts/draft.md,"
                " and would publish its source",
            ],
        ),
        (members_in_the_theme, ["theme/images/x.svg: is a link that leads into content/members"]),
        (tree_that_is_a_link, ["theme: is a link, and Git has no history behind it"]),
        (
            key_and_database,
            [
                "content/files/b: is a link that leads to content/files/cert.pem, a key",
                "content/files/id_ed25519: is a private key",
            ],
        ),
    ],
)
def test_a_link_leads_to_what_is_committed_below_content_or_theme(
    tmp_path: Path, prepare: Callable[[Path], None], expected: list[str]
) -> None:
    site = site_with(tmp_path)
    prepare(site)
    if prepare not in (
        link_to_a_file_that_is_not_committed,
        link_to_a_folder_with_a_file_that_is_not_committed,
    ):
        commit_all_of(site)
    assert set(expected) <= set(faults_of(site))


def test_links_to_committed_files_work(site: Path) -> None:
    """One file for two pages, one folder for two places, one picture for theme and content."""
    link(site, "content/more", "content/files")
    link(site, "content/files/b.txt", "content/files/a.txt")
    link(site, "content/images/mark.svg", "theme/images/mark.svg")
    link(site, "content/extra/.well-known/mark.svg", "theme/images/mark.svg")
    (site / "content/files/c.txt").hardlink_to(site / "content/files/a.txt")
    text = "[a](../more/a.txt) [b](../files/b.txt) [c](../files/c.txt) ![m](../images/mark.svg)\n"
    write(site / "content/pages/links.md", f"---\ntitle: Links\n---\n{text}")
    if (site / ".git").exists():
        git(site, "add", "content")
    found = published(site)
    public = site / "out/site/public"
    for name in ("more/a.txt", "files/b.txt", "files/c.txt"):
        assert (public / name).read_text() == "an attachment\n"
    assert (public / ".well-known/mark.svg").exists()
    assert CANARY.encode() not in found


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("content/extra/site.agekey",      "x",                                  "is a private key"),
        ("content/extra/keys/ID_RSA",      "x",                                  "is a private key"),
        ("content/extra/db.sqlite3",       "x",                                  "is a database"),
        ("content/extra/db.sqlite3-wal",   "x",                                  "is a database"),
        ("content/files/members.db",       "x",                                  "is a database"),
        ("content/extra/.env",             "x",                                  "a name with a dot"),
        ("content/extra/tls.key",          "-----BEGIN EC PRIVATE KEY-----\n",   "holds a private key"),
        ("content/extra/all.pem",          "x\n-----BEGIN PRIVATE KEY-----\n",   "holds a private key"),
        ("theme/js/site.agekey",           "x",                                  "is a private key"),
        ("theme/static/db.sqlite3",        "x",                                  "is a database"),
    ],
)  # fmt: skip
def test_a_secret_by_name_is_a_fault(site: Path, path: str, text: str, why: str) -> None:
    """content/extra is served as it is, and a key is copied to the wrong folder in a second."""
    write(site / path, text)
    assert [fault for fault in faults_of(site) if fault.startswith(f"{path}: {why}")]


def test_names_that_look_like_secrets_and_are_none(site: Path) -> None:
    """A certificate, slides of Keynote, a picture, Windows' own database, /.well-known/."""
    for name in ("cert.pem", "talk.key", "id_card.txt", "id_rsa.pub", "db.txt", "Thumbs.db",
                 ".well-known/matrix/server"):  # fmt: skip
        write(site / "content/extra" / name, "-----BEGIN CERTIFICATE-----\n")
    build_site(site)
    public = site / "out/site/public"
    for name in ("cert.pem", "talk.key", "id_card.txt", "id_rsa.pub", "db.txt", ".well-known/matrix/server"):
        assert (public / name).exists()
    assert not (public / "Thumbs.db").exists()
    assert [name for name in ("a.md", "id_rsa.txt", "database.csv") if secret_kind(name)] == []


def test_a_link_with_a_leading_dot_is_ignored(site: Path) -> None:
    """Jinja opens what a template names, and Pelican copies theme/static as it is."""
    for name in ("theme/static/.v", "theme/static/.gitv", "theme/templates/.v", "theme/js/.v", "content/.v"):
        link(site, name, "var")
    link(site, "theme/static/a.txt~", "var/a.txt")
    write(site / "theme/static/b.txt", "b")
    assert CANARY.encode() not in published(site)
    assert (site / "out/site/public/theme/b.txt").exists()
    template = site / "theme/templates/page.html"
    write(template, template.read_text("utf-8") + '{% include ".v/a.html" %}')
    assert "no template '.v/a.html'" in faults_of(site)[0]


def test_static_files_are_copied_as_they_are_read(site: Path) -> None:
    """What a walk leaves out is not published by another way."""
    link(site, "theme/static/Thumbs.db", "var/a.txt")
    write(site / "theme/static/deep/b.txt", "b")
    assert CANARY.encode() not in published(site)
    assert (site / "out/site/public/theme/deep/b.txt").read_text() == "b"
    settings = (site / "pelicanconf.py").read_text("utf-8")
    write(site / "pelicanconf.py", settings + '\nTHEME_STATIC_PATHS = ["static", "node_modules"]\n')
    assert faults_of(site) == ["pelicanconf.py: THEME_STATIC_PATHS: 'node_modules' is not read"]


def test_overrides_of_templates_lead_to_no_secret(site: Path) -> None:
    settings = (site / "pelicanconf.py").read_text("utf-8")
    write(site / "pelicanconf.py", settings + f"\nTHEME_TEMPLATES_OVERRIDES = [{str(site / 'own')!r}]\n")
    template = (site / "theme/templates/page.html").read_text("utf-8")
    write(site / "own/page.html", template + '{% include "x.html" %}')
    link(site, "own/x.html", "var/a.html")
    assert "no template 'x.html'" in faults_of(site)[0]
    (site / "own/x.html").unlink()
    write(site / "own/x.html", "")
    assert CANARY.encode() not in published(site)


def test_pelican_copies_nothing_from_outside_of_the_theme(site: Path) -> None:
    write(
        site / "pelicanconf.py",
        (site / "pelicanconf.py").read_text("utf-8") + '\nTHEME_STATIC_PATHS = ["static", "../var"]\n',
    )
    assert faults_of(site) == ["pelicanconf.py: THEME_STATIC_PATHS: '../var' is outside of theme/"]


# --- Stylesheets ---


def test_less_imports_no_secret(site: Path) -> None:
    write(site / "theme/less/site.less", '@import "../../var/a";\n')
    expected = 'theme/less/site.less:1: @import "../../var/a" leads to var/a.less, which is not below'
    with pytest.raises(SourceError, match="copy the file into theme/less/") as caught:
        build_site(site)
    assert str(caught.value).startswith(expected)


def test_less_imports_a_file_that_is_not_committed_yet(site: Path) -> None:
    """A plain file is the author's own work, committed or not."""
    less = site / "theme/less/site.less"
    write(site / "theme/less/fresh.less", "@fresh: #123456;\n")
    write(less, '@import "fresh";\n' + less.read_text("utf-8") + "\n.fresh { color: @fresh }\n")
    assert b"#123456" in published(site)


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    ("less", "fault"),
    [
        (
            '@import (inline) "../../var/a.css";',
            ":1: @import leads to var/a.css, which is not below",
        ),
        ('a { b: data-uri("../../var/a.svg") }', ":1: data-uri leads to var/a.svg, which is not below"),
        ("a { b: data-uri('image/svg+xml', '../../var/a.svg') }", ":1: data-uri leads to var/a.svg"),
        (
            '@f: "a.svg";\na { b: data-uri("../../var/@{f}") }',
            ":2: data-uri names a file that is known only",
        ),
        ('a { b: data-uri(~"../../var/a.svg") }', ":1: data-uri names a file that is known only"),
        ("a { b: data-uri(~'../../var/a.svg') }", ":1: data-uri names a file that is known only"),
        ('a { b: data-uri(e("../../var/a.svg")) }', ":1: data-uri names a file that is known only"),
        ('a { b: data-uri("text/plain;base64", ~"../../var/a.svg") }', ":1: data-uri names a file that is"),
        ('a { b: data-uri(replace("../../vaX/a.svg", "X", "r")) }', ":1: data-uri names a file that is"),
        ('a { b: data-uri("none.svg") }', ":1: data-uri names none.svg, which does not exist"),
    ],
)
def test_lessc_reads_no_secret(site: Path, less: str, fault: str) -> None:
    (site / "node_modules").symlink_to(need_npm(".bin/lessc").parents[1])
    entry = site / "theme/less/site.less"
    write(entry, less)
    with pytest.raises(SourceError) as caught:
        compile_less(entry, site, "lessc", project_policy(site, None))
    assert fault in str(caught.value)


def test_lessc_embeds_a_file_of_the_theme(site: Path) -> None:
    (site / "node_modules").symlink_to(need_npm(".bin/lessc").parents[1])
    entry = site / "theme/less/site.less"
    write(site / "theme/less/a.svg", "<svg/>")
    write(entry, 'a { b: data-uri("image/svg+xml;base64", "a.svg"); c: data-uri(\'a.svg#x\'); }\n')
    css = compile_less(entry, site, "lessc", project_policy(site, None)).css
    assert "data:image/svg+xml;base64,PHN2Zy8+" in css


# --- Beside the build ---


def test_make_diagrams_follows_no_link(site: Path) -> None:
    """It draws what a page says, and writes and removes files beside it."""
    link(site, "content/diagrams/blocks", "var")
    link(site, "content/pages/x.md", "var/a.md")
    with pytest.raises(SourceError) as caught:
        render_diagrams(site, lambda _: None, tool.read_index(site, ["content"]))
    assert [fault.path for fault in caught.value.faults] == ["content/diagrams/blocks", "content/pages/x.md"]
    assert (site / "var/a.svg").exists()


def test_the_preview_does_not_watch_what_a_link_leads_to(site: Path) -> None:
    """A link to out/ would build without end: each build writes there."""
    link(site, "content/extra/o", "out")
    link(site, "content/more", "theme/images")
    assert not is_relevant(site, str(site / "content/extra/o/site/x.html"))
    assert is_relevant(site, str(site / "content/extra/o"))
    assert is_relevant(site, str(site / "content/more/mark.svg"))
    assert is_relevant(site, str(site / "content/files/gone.txt"))


# --- Git: submodules and LFS ---

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize(
    "path",
    ["content/posts/x.md", "content/pages/about.md", "content/files/a.txt", "content/images/x.png",
     "content/images/x.svg", "content/diagrams/x.puml", "content/extra/x.pdf", "theme/images/mark.svg",
     "theme/js/x.js", "theme/css/x.css", "theme/less/site.less", "theme/fonts/x.woff2",
     "theme/templates/base.html", "theme/strings/en.toml", "theme/static/x.pdf"],
)  # fmt: skip
def test_a_pointer_of_git_lfs_is_not_published(tmp_path: Path, path: str) -> None:
    """Without `git lfs pull` a reader got 130 bytes of text in place of a film."""
    site = site_with(tmp_path, history=False)
    write(site / path, POINTER)
    with pytest.raises(SourceError) as caught:
        build_site(site)
    assert f"{path}: is a pointer of Git LFS, not the file; run `git lfs pull`" in str(caught.value)


def test_a_text_about_git_lfs_is_none(tmp_path: Path) -> None:
    site = site_with(tmp_path, history=False)
    write(site / "content/pages/lfs.md", f"---\ntitle: LFS\n---\n```text\n{POINTER}```\n")
    assert b"git-lfs.github.com" in published(site)


def module(folder: Path, files: dict[str, str]) -> str:
    """Make a repository with *files* in *folder*; return its address."""
    for name, text in files.items():
        write(folder / name, text)
    commit_all(folder, 1_770_000_000)
    return folder.as_uri()


def add_module(site: Path, url: str, path: str) -> None:
    git(site, "-c", "protocol.file.allow=always", "submodule", "add", "-q", url, path)


POST = "---\ntitle: Shared\ndate: 2026-01-02\n---\nText.\n"


@pytest.mark.parametrize("path", ["content/posts/shared", "content", "theme"])
def test_a_submodule_that_was_not_fetched_is_a_fault(tmp_path: Path, path: str) -> None:
    """A clone has an empty folder in its place, and the site went out without its pages."""
    site = site_with(tmp_path)
    if path in ("content", "theme"):
        (site / path).rename(tmp_path / "inner")
        url = module(tmp_path / "inner", {})
        git(site, "rm", "-rq", "--cached", path)
    else:
        url = module(tmp_path / "inner", {"one.md": POST})
    add_module(site, url, path)
    commit_all_of(site)
    git(tmp_path, "clone", "-q", site.as_uri(), "clone")
    clone = tmp_path / "clone"
    with pytest.raises(SourceError) as caught:
        build_site(clone)
    fix = f"git submodule update --init --recursive {path}"
    assert str(caught.value) == f"{path}: is a Git submodule that was not fetched; run `{fix}`"
    git(clone, "-c", "protocol.file.allow=always", *fix.split()[1:])
    build_site(clone)
    build_site(site)
    assert files_of(clone / "out/site/public") == files_of(site / "out/site/public")


def test_a_submodule_that_was_removed_is_a_fault_too(tmp_path: Path) -> None:
    site = site_with(tmp_path)
    add_module(site, module(tmp_path / "inner", {"one.md": POST}), "content/posts/shared")
    commit_all_of(site)
    shutil.rmtree(site / "content/posts/shared")
    assert faults_of(site) == ["content/posts/shared: is a Git submodule that was not fetched"]


def test_a_page_in_a_submodule_changed_when_its_own_history_says(tmp_path: Path) -> None:
    """The outer repository has one commit of the submodule, and no dates of its files."""
    site = site_with(tmp_path)
    inner = tmp_path / "inner"
    module(inner, {"one.md": POST, "two.md": POST.replace("Shared", "Two"), "a.txt": "shared"})
    write(inner / "one.md", POST + "More.\n")
    commit_all(inner, 1_772_000_000)
    add_module(site, inner.as_uri(), "content/posts/shared")
    link(site, "content/files/shared.txt", "content/posts/shared/a.txt")
    commit_all_of(site)
    found = tool.read_history(site, "content", ["theme"])
    assert found is not None
    change = tool.Change(1_772_000_000, is_cut=False, is_added=False)
    assert found.changes["content/posts/shared/one.md"] == change
    assert found.changes["content/posts/shared/two.md"].time == 1_770_000_000
    assert "content/posts/shared/a.txt" in found.index.tracked
    build_site(site)
    assert "2026-02-25" in (site / "out/site/public/posts/one/index.html").read_text("utf-8")


def test_the_pipeline_of_a_site_without_submodules_asks_for_nothing() -> None:
    """GitLab fetches submodules only where a variable says so; the guide names it."""
    assert "GIT_SUBMODULE" not in (ROOT / ".gitlab-ci.yml").read_text("utf-8")
    guide = (ROOT / "docs/operator.md").read_text("utf-8")
    assert all(word in guide for word in ("GIT_SUBMODULE_STRATEGY", "GIT_SUBMODULE_DEPTH", "git-lfs"))
