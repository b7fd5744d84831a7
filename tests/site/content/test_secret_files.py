"""Secrets in content/ and theme/, and secrets that templates, static paths and LESS name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.content.read_policy import project_policy, secret_kind
from pipelines.site.less.compile import compile_less
from tests.site.content.policy_site import CANARY, faults_of, link, published
from tests.site.less.css_rules import need_npm
from tests.support.project import build_site, write


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("content/extra/site.agekey",      "x",                                  "is a private key"),
        ("content/extra/keys/ID_RSA",      "x",                                  "is a private key"),
        ("content/extra/db.sqlite3",       "x",                                  "is a database"),
        ("content/extra/db.sqlite3-wal",   "x",                                  "is a database"),
        ("content/files/members.db",       "x",                                  "is a database"),
        ("content/extra/.env",             "x",                                  "files with a leading dot"),
        ("content/extra/tls.key",          "-----BEGIN EC PRIVATE KEY-----\n",   "holds a private key"),
        ("content/extra/all.pem",          "x\n-----BEGIN PRIVATE KEY-----\n",   "holds a private key"),
        ("theme/js/site.agekey",           "x",                                  "is a private key"),
        ("theme/static/db.sqlite3",        "x",                                  "is a database"),
    ],
)  # fmt: skip
def test_a_secret_by_name_is_a_fault(site: Path, path: str, text: str, why: str) -> None:
    """content/extra is served unchanged, and a key may be copied there by mistake."""
    write(site / path, text)
    assert [fault for fault in faults_of(site) if fault.startswith(f"{path}: {why}")]


def test_names_that_only_resemble_secrets_are_published(site: Path) -> None:
    """For example a certificate, Keynote slides, a Windows thumbnail database, /.well-known/."""
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
    """Jinja opens every file that a template names, and Pelican copies theme/static unchanged."""
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
    """Files that the tree walk skips are not published by Pelican either."""
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


def test_less_imports_no_secret(site: Path) -> None:
    write(site / "theme/less/site.less", '@import "../../var/a";\n')
    expected = 'theme/less/site.less:1: @import "../../var/a" leads to var/a.less, which is not below'
    with pytest.raises(SourceError, match="copy the file into theme/less/") as caught:
        build_site(site)
    assert str(caught.value).startswith(expected)


def test_less_imports_a_file_that_is_not_committed_yet(site: Path) -> None:
    """A regular file is allowed, committed or not."""
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
            ":2: data-uri names a file that is unknown",
        ),
        ('a { b: data-uri(~"../../var/a.svg") }', ":1: data-uri names a file that is unknown"),
        ("a { b: data-uri(~'../../var/a.svg') }", ":1: data-uri names a file that is unknown"),
        ('a { b: data-uri(e("../../var/a.svg")) }', ":1: data-uri names a file that is unknown"),
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
