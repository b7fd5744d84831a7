"""The LESS guard: supported LESS compiles as with less.js, and the rest is rejected."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import Fault, SourceError, ToolError
from pipelines.site.less.compile import compile_less
from pipelines.site.less.emitter import EmittedLess, emit_less
from pipelines.site.less.evaluation import evaluate
from pipelines.site.less.imports import load_stylesheet
from pipelines.site.less.lesscpy_compiler import run_lesscpy
from pipelines.site.less.nodes import SourcePosition
from pipelines.site.less.scopes import resolve_names
from pipelines.site.less.tokens import tokenize
from pipelines.site.less.verification import verify_result
from pipelines.tools import shell
from tests.site.less.css_rules import less_js, need_npm, normalized_rules

HERE = Path(__file__).parent
GOOD = HERE / "good"
BAD = HERE.parents[1] / "bad"
THEME = HERE.parents[2] / "theme" / "less" / "site.less"
SHEETS = sorted(GOOD.glob("*.less"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An empty site, for the LESS of one test."""
    (tmp_path / "theme" / "less").mkdir(parents=True)
    return tmp_path


def compiled(site: Path, text: str, compiler: str = "lesscpy") -> str:
    entry = site / "theme" / "less" / "site.less"
    entry.write_text(text, "utf-8")
    return compile_less(entry, site, compiler).css


# --- Supported LESS ---


@pytest.fixture(scope="module")
def reference() -> dict[Path, str]:
    """The CSS of the good sheets by less.js."""
    results = less_js([(sheet.read_text("utf-8"), str(sheet)) for sheet in SHEETS])
    return {sheet: result["css"] for sheet, result in zip(SHEETS, results, strict=True)}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_supported_less_compiles_as_with_less_js(sheet: Path, reference: dict[Path, str]) -> None:
    """These sheets are the list of supported LESS; each line is compared."""
    assert normalized_rules(compile_less(sheet, GOOD).css) == normalized_rules(reference[sheet])


@pytest.mark.skipif(not THEME.exists(), reason="this site has no LESS")
def test_the_theme_compiles_as_with_less_js() -> None:
    """lesscpy miscompiles without an error; the theme is compared with the reference."""
    reference_results = less_js([(THEME.read_text("utf-8"), str(THEME))])[0]
    ours = compile_less(THEME, THEME.parents[2]).css
    assert normalized_rules(ours) == normalized_rules(reference_results["css"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a { b: #fff }",               "a{b:rgb(255, 255, 255)}",         True),
        ("a { b: .50px  c }",           "a { b: 0.5px c; }",               True),
        ("a>b,c { d: e }",              "a > b, c { d: e }",               True),
        ("a { b: c } a { d: e }",       "a { b: c; d: e }",                True),
        ("a { b: c; b: c }",            "a { b: c }",                      True),
        ("a { b: c } d { }",            "a { b: c }",                      True),
        ("@media x{@layer y{a{b:c}}}",  "@media x { @layer y { a{b:c} } }", True),
        ("a { b: c }",                  "a { b: d }",                      False),
        ("a { b: c; d: e }",            "a { d: e; b: c }",                False),
        ("a { b: c } d { e: f }",       "d { e: f } a { b: c }",           False),
        ("a b { c: d }",                "a > b { c: d }",                  False),
        ("a { b: c !important }",       "a { b: c }",                      False),
        ("a { b: 1px 2px }",            "a { b: 1px, 2px }",               False),
        ("a { b: calc(1px - 2px) }",    "a { b: calc(-1px) }",             False),
        ("a { b: 1.0001px }",           "a { b: 1px }",                    False),
        ("a { b: 0s }",                 "a { b: 0 }",                      False),
        ("@media x { a { b: c } }",     "@media y { a { b: c } }",         False),
        ("a { b: \"c\" }",              "a { b: c }",                      False),
    ],
)  # fmt: skip
def test_rules_are_equal_if_a_browser_parses_them_alike(one: str, other: str, same: bool) -> None:
    """A comparison that ignores a difference would pass every other test here."""
    assert (normalized_rules(one) == normalized_rules(other)) is same


# --- Rejected LESS ---


@pytest.mark.parametrize("folder", sorted(BAD.glob("less-*")), ids=lambda folder: folder.name)
def test_rejected_less_names_its_line_and_the_fix(folder: Path) -> None:
    """LESS that lesscpy would miscompile never reaches it."""
    with pytest.raises(SourceError) as caught:
        compile_less(folder / "theme" / "less" / "site.less", folder)
    assert (folder / "expected.txt").read_text("utf-8") == f"{caught.value}\n"


# Tokens that a random edit inserts.
INSERTED_TOKENS = """
    @gap @x .two(1px) .plain(); ( ) { } ; : , / * + - & &:hover !important 1px 2 #fff a calc( min( rgb(
    url(x) "s" ~"e" @media @x:1px; /**/ // .m > ~ | = % [ ] @{a} @@a -@gap (@gap*2) var(--x) e3 rem and
    not from $ ? . # --x @layer 1e3 \\
""".split()


def mutations(seed: int, count: int) -> Iterator[tuple[Path, str]]:
    """Yield good sheets with one to three tokens deleted, doubled, swapped or replaced."""
    chance = random.Random(seed)
    words = {sheet: [token.text for token in tokenize(sheet.read_text("utf-8"), "")[0]] for sheet in SHEETS}
    for _ in range(count):
        sheet = chance.choice(SHEETS)
        text = list(words[sheet])
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.randrange(len(text) - 1)
            kind = chance.randrange(5)
            if kind == 0:
                del text[at]
            elif kind == 1:
                text.insert(at, text[at])
            elif kind == 2:
                text[at], text[at + 1] = text[at + 1], text[at]
            elif kind == 3:
                text[at] = chance.choice(INSERTED_TOKENS)
            else:
                text.insert(at, chance.choice(INSERTED_TOKENS))
        yield sheet, "".join(text)


@pytest.mark.slow
def test_a_random_edit_is_rejected_or_compiles_as_with_less_js(tmp_path: Path) -> None:
    """Fuzzing: the grammar must not accept LESS that lesscpy miscompiles."""
    (tmp_path / "parts").mkdir()
    for part in (GOOD / "parts").iterdir():
        (tmp_path / "parts" / part.name).write_bytes(part.read_bytes())
    compiled_sheets, faults = [], list[Fault]()
    for sheet, text in mutations(seed=20261123, count=250):
        entry = tmp_path / sheet.name
        entry.write_text(text, "utf-8")
        try:
            compiled_sheets.append((text, str(entry), compile_less(entry, tmp_path).css))
        except SourceError as error:
            faults += error.faults
    reference_results = less_js([(text, name) for text, name, _ in compiled_sheets])
    mismatches = []
    for (text, _, ours), result in zip(compiled_sheets, reference_results, strict=True):
        if "error" in result or normalized_rules(ours) != normalized_rules(result["css"]):
            mismatches.append((text, ours, result))
    assert mismatches == []
    assert [fault for fault in faults if not fault.fix or "\n" in str(fault)] == []
    assert len(compiled_sheets) > 25, "the edits must leave enough valid sheets to compare"


# --- lesscpy itself ---


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".s0_ { -d0-: @v99; }",  "Unknown variable @v99"),
        (".s0_ { -d0-: ; } }",    "Syntax Error"),
        (".s0_ { -d0- }",         "Syntax Error"),
        ("`",                     "Illegal character"),
    ],
)  # fmt: skip
def test_every_message_of_lesscpy_is_a_fault(line: str, message: str) -> None:
    """It prints some errors, raises others, and returns CSS all the same."""
    emitted = EmittedLess(
        lines=["@v1: 1px;", line], positions=[SourcePosition("a.less", 3), SourcePosition("b.less", 7)]
    )
    emitted.selectors, emitted.declarations = ["a"], []
    faults = run_lesscpy(emitted)[1]
    assert faults
    assert message in str(faults[0])
    assert {fault.path for fault in faults} <= {"a.less", "b.less"}


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ('-d0-: "0";',  "",              "3: lesscpy drops color: red"),
        ('-d0-: "0";',  '-d0-: "1";',    "3: lesscpy writes color: 0, not red"),
        ('-d0-: "0";',  '-d0-: "0";\n-d0-: "0";', "3: lesscpy repeats color: red"),
        ("2px;",        "3px;",          "4: lesscpy writes margin: 0 3px, not 0 2px"),
        ("2px;",        "2;",            "4: lesscpy writes margin: 0 2, not 0 2px"),
        ("2px;",        "(1px * 2);",    "4: lesscpy writes margin"),
        (".s0_ {",      ".s0_ .a {",     "lesscpy compiles the theme wrong"),
        ("}",           "",              "lesscpy compiles the theme wrong"),
    ],
)  # fmt: skip
def test_a_value_that_lesscpy_drops_or_changes_is_a_fault(
    site: Path, right: str, wrong: str, fault: str
) -> None:
    """The verifier compares the output with an evaluation of its own."""
    entry = site / "theme" / "less" / "site.less"
    entry.write_text("@a: 1px;\na {\n  color: red;\n  margin: 0 (@a * 2);\n}\n", "utf-8")
    sheet, _, _ = load_stylesheet(entry, site)
    names = resolve_names(sheet)
    evaluation = evaluate(sheet, names)
    emitted = emit_less(sheet, names)
    css, _ = run_lesscpy(emitted)
    assert verify_result(css, emitted, evaluation)[1] == []
    assert right in css
    faults = verify_result(css.replace(right, wrong), emitted, evaluation)[1]
    assert fault in "\n".join(map(str, faults))


def test_compiling_prints_and_writes_nothing(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """lesscpy's parser would write its tables to the temporary directory, or load foreign ones."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    compiled(site, "a { color: red }")
    assert (list(work.iterdir()), *capfd.readouterr()) == ([], "", "")


def test_the_parser_is_reset_between_sheets(site: Path) -> None:
    """The parser is cached; a sheet that fails must not affect the next."""
    text = "@a: 1px; .m(@x) { width: (@x * 2) } a { .m(@a); b { .m(2px) } }"
    first = compiled(site, text)
    compiled(site, "@a: 5px; .m(@x; @y) { width: (@x + @y) } a { .m(@a; 1px) }")
    assert run_lesscpy(EmittedLess(lines=["a { b: @none }"], positions=[SourcePosition("a.less", 1)]))[1]
    assert compiled(site, text) == first


def test_the_sources_are_the_files_that_were_read() -> None:
    """The preview watches them, and the build cache is keyed by them."""
    expected = ("imports.less", "parts/colours.less", "parts/rules.less")
    assert compile_less(GOOD / "imports.less", GOOD).sources == expected


def test_an_empty_theme_is_an_empty_sheet(site: Path) -> None:
    """A fork may begin with a file of comments."""
    assert [compiled(site, ""), compiled(site, "// to come\n")] == ["", ""]


# --- lessc ---


@pytest.fixture
def lessc(site: Path) -> Path:
    """A site that has less.js among its own packages."""
    (site / "node_modules").symlink_to(need_npm(".bin/lessc").parents[1])
    return site


def test_lessc_compiles_what_the_guard_rejects(lessc: Path) -> None:
    """lessc supports all of LESS."""
    (lessc / "theme" / "less" / "part of it.less").write_text("@ink: #333;", "utf-8")
    entry = lessc / "theme" / "less" / "site.less"
    entry.write_text('@import "part of it"; a { color: lighten(@ink, 10%) }', "utf-8")
    result = compile_less(entry, lessc, "lessc")
    assert result.sources == ("theme/less/site.less", "theme/less/part of it.less")
    assert normalized_rules(result.css) == normalized_rules("a { color: #4d4d4d }")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {\n  color: @none;\n}", "theme/less/site.less:2: lessc: variable @none is undefined; "),
        ("a {\n  color: red",       "theme/less/site.less:2: lessc: Unrecognised input"),
        ('\n@import "none";',       "theme/less/site.less:2: lessc: 'none' wasn't found; "),
        ('@import "other";',        "theme/less/other.less:2: lessc: .none is undefined; "),
    ],
)  # fmt: skip
def test_lessc_errors_name_their_line(lessc: Path, text: str, expected: str) -> None:
    """They are converted to faults, which the preview shows."""
    (lessc / "theme" / "less" / "other.less").write_text("a {\n  .none();\n}", "utf-8")
    with pytest.raises(SourceError) as caught:
        compiled(lessc, text, "lessc")
    assert str(caught.value).startswith(expected)


def test_a_missing_lessc_names_the_installing_command(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A theme that requires lessc must not fall back to lesscpy."""
    monkeypatch.setattr(shell, "find_program", lambda _: None)
    with pytest.raises(ToolError, match="npm ci"):
        compiled(site, "a { color: red }", "lessc")
