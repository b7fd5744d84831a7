"""Pelican is imported without docutils where nothing needs it, and with it where something may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT, run_cli, tiny_site

IMPORT = "from pipelines.site.pelican import import_pelican\nimport_pelican.import_without_docutils()\n"
READ = (
    "import sys; from pelican.readers import RstReader; from pelican.settings import read_settings;"
    "print(RstReader.enabled and RstReader(read_settings()).read(sys.argv[1])[0])"
)
PAGE = "---\ntitle: About\n---\n\nWho we are.\n"


def run_python(code: str, *words: str) -> str:
    """Run *code* in a process of its own, and return what it prints."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def text(tmp_path: Path) -> str:
    """Return the path of a text in reStructuredText."""
    file = tmp_path / "text.rst"
    file.write_text("Title\n=====\n\nSome *text*.\n")
    return str(file)


def test_the_reader_of_restructuredtext_is_disabled(text: str) -> None:
    assert run_python(IMPORT + READ, text) == "False"


@pytest.mark.parametrize("first", ["import docutils", "import pelican"])
def test_what_was_imported_before_stays(text: str, first: str) -> None:
    assert run_python(f"{first}\n{IMPORT}{READ}", text) == "<p>Some <em>text</em>.</p>"


def test_docutils_can_be_imported_afterwards() -> None:
    """And Pelican's directives, which a plugin may use."""
    use = "from docutils.core import publish_parts; from pelican import rstdirectives;"
    show = "print(publish_parts('.. code-block:: python\\n\\n   x', writer_name='html')['body'])"
    assert "highlight" in run_python(IMPORT + use + show)


PLUGIN = """
from pelican import signals
from pelican.readers import RstReader

def register():
    signals.initialized.connect(lambda _: print(f"reader: {RstReader.enabled}"))
"""


def test_a_plugin_has_the_reader(tmp_path: Path) -> None:
    """Also in a build that finds a cache."""
    site = tiny_site(tmp_path, {"content/pages/about.md": PAGE})
    assert run_cli(site, "build").returncode == 0
    (site / "own_plugin.py").write_text(PLUGIN)
    settings = site / "pelicanconf.py"
    path = f"import sys\nsys.path.insert(0, {str(site)!r})\n"
    settings.write_text(f"{settings.read_text()}\n{path}PLUGINS.append('own_plugin')\n")
    done = run_cli(site, "build")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "reader: True"), done.stderr
