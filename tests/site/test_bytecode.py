"""Compiled templates wait in out/bytecode; a file of it is read only if it is this user's, and whole."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import CodeType

import pytest
from jinja2 import Environment

from pipelines.site.bytecode import FOLDER, BytecodeFolder
from pipelines.site.cache import Cache
from pipelines.site.theme.template_cache import TemplateCache
from tests.support.project import run_cli, tiny_site

CODE = compile("answer = 42", "a.html", "exec")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a directory that has CODE under "key"."""
    BytecodeFolder(tmp_path / FOLDER, "1").store("a.html", "key", CODE)
    return tmp_path / FOLDER


def find(folder: Path, template: str = "a.html", key: str = "key", version: str = "1") -> CodeType | None:
    return BytecodeFolder(folder, version).find(template, key)


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_the_code_is_found_under_its_template_and_key(folder: Path) -> None:
    assert find(folder) == CODE
    assert find(folder, template="b.html") is find(folder, key="other") is find(folder, version="2") is None


def test_a_template_has_one_file_whatever_its_versions(folder: Path) -> None:
    other = compile("answer = 43", "a.html", "exec")
    BytecodeFolder(folder, "2").store("a.html", "new", other)
    assert only_file(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert find(folder, key="new", version="2") == other
    assert find(folder) is None


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def one_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)


def no_code(file: Path) -> None:
    data = marshal.dumps("a text")
    file.write_bytes(sha256(b"1\0key\0" + data).digest() + data)


def writable_for_others(file: Path) -> None:
    file.chmod(0o620)


def writable_directory(file: Path) -> None:
    file.parent.chmod(0o770)


def linked(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def linked_directory(file: Path) -> None:
    file.parent.rename(file.parent.parent / "elsewhere")
    file.parent.symlink_to(file.parent.parent / "elsewhere")


def named_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "change",
    [
        *(truncated, emptied, one_bit, no_code, writable_for_others, writable_directory),
        *(linked, linked_directory, named_pipe),
    ],
)
def test_what_is_damaged_or_not_safe_is_not_read(folder: Path, change: Callable[[Path], None]) -> None:
    assert find(folder) == CODE
    change(only_file(folder))
    assert find(folder) is None


def test_the_file_of_another_user_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert find(folder) is None


def test_a_directory_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    BytecodeFolder(tmp_path / FOLDER, "1").store("a.html", "key", CODE)
    assert find(tmp_path / FOLDER) is None


def test_a_template_is_compiled_once_for_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cache stands for a process; so does a template cache with other settings, which shares nothing."""
    compiled: list[str] = []
    real = Environment.compile

    def compile_counted(self: Environment, source: str, name: str, filename: str) -> CodeType:
        compiled.append(source)
        return real(self, source, name, filename)

    monkeypatch.setattr(Environment, "compile", compile_counted)
    environment = Environment(autoescape=True)

    def code_of(source: str, options: str = "settings") -> CodeType | None:
        cache = Cache(bytecode=BytecodeFolder(tmp_path / FOLDER, "1"))
        file = str(tmp_path / "page.html")
        return (
            TemplateCache(cache, options, lasting=True)
            .get_bucket(environment, "page.html", file, source)
            .code
        )

    first = code_of("{{ one }}")
    assert code_of("{{ one }}") == first
    assert compiled == ["{{ one }}"]
    assert code_of("{{ two }}") != first
    assert code_of("{{ two }}", "other settings") is not None
    assert compiled == ["{{ one }}", "{{ two }}", "{{ two }}"]


def test_a_build_keeps_the_code_of_its_templates_unless_it_is_clean(tmp_path: Path) -> None:
    site = tiny_site(tmp_path, {"content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n"})
    assert run_cli(site, "build", "--clean").returncode == 0
    assert not (site / "out" / FOLDER).exists()
    assert run_cli(site, "build").returncode == 0
    assert list((site / "out" / FOLDER).iterdir())


CODE_OF_THE_PROJECT = {
    "a filter": "JINJA_FILTERS = {'shout': site_code.shout}",
    "a test": "JINJA_TESTS = {'shout': site_code.is_shout}",
    "an option": "JINJA_ENVIRONMENT['finalize'] = site_code.finalize",
    "a plugin": "PLUGINS.append('site_code')",
    "an extension": "JINJA_ENVIRONMENT['extensions'] = ['site_code.Shout']",
}
SITE_CODE = """
from jinja2.ext import Extension
from pelican import signals

def shout(text):
    return text + MARK

def is_shout(text):
    return MARK == "!"

def finalize(text):
    return text + MARK if text == "word" else text

def register():
    signals.generator_init.connect(add)

def add(generator):
    generator.env.filters["shout"] = shout

class Shout(Extension):
    def preprocess(self, source, name, filename=None):
        return source.replace("[mark]", MARK)
"""


@pytest.mark.slow  # 2 s of CPU each
@pytest.mark.parametrize("kind", CODE_OF_THE_PROJECT)
def test_code_of_the_project_that_jinja_runs_as_it_compiles_is_not_kept(tmp_path: Path, kind: str) -> None:
    """It computes a filter of a constant then: the page would show for ever what that gave first."""
    site = tiny_site(tmp_path, {"content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n"})
    settings, template = site / "pelicanconf.py", site / "theme/templates/base.html"
    settings.write_text(
        f"{settings.read_text()}\nimport sys\nsys.path.insert(0, {str(site)!r})\nimport site_code\n"
        f"{CODE_OF_THE_PROJECT[kind]}\n"
    )
    word = {
        "a test": "{{ 'word!' if 'x' is shout else 'word?' }}",
        "an option": "{{ 'word' }}",
        "an extension": "word[mark]",
    }.get(kind, "{{ 'word'|shout }}")
    template.write_text(template.read_text().replace("<main", f"<p>{word}</p><main", 1))
    for mark in "!?":
        (site / "site_code.py").write_text(f"MARK = {mark!r}\n{SITE_CODE}")
        done = run_cli(site, "build")
        assert done.returncode == 0, done.stderr
        assert f"word{mark}" in (site / "out/site/public/about/index.html").read_text()


def test_options_of_jinja_in_another_file_are_part_of_the_key(tmp_path: Path) -> None:
    site = tiny_site(tmp_path, {"content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n"})
    settings, template = site / "pelicanconf.py", site / "theme/templates/base.html"
    settings.write_text(
        f"{settings.read_text()}\nimport sys\nsys.path.insert(0, {str(site)!r})\nimport site_options\n"
        "JINJA_ENVIRONMENT = site_options.JINJA\n"
    )
    word = "<p>{% if true %}\n{% endif %}</p><pre>{% if true %}\n\nword{% endif %}</pre><main"
    template.write_text(template.read_text().replace("<main", word, 1))
    pages = []
    for trim in (True, False):
        (site / "site_options.py").write_text(f"JINJA = {{'autoescape': True, 'trim_blocks': {trim}}}\n")
        assert run_cli(site, "build").returncode == 0
        pages.append((site / "out/site/public/about/index.html").read_text())
    assert pages[0] != pages[1]


def test_nothing_is_written_into_a_directory_that_is_not_safe(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to("elsewhere")
    BytecodeFolder(tmp_path / FOLDER, "1").store("a.html", "key", CODE)
    assert list((tmp_path / "elsewhere").iterdir()) == []
