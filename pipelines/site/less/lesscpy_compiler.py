"""Compile core LESS with lesscpy.

Whatever lesscpy prints or raises is a fault. While it runs, what this process writes to
its standard streams is caught.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache
from typing import Any

from pipelines.core.errors import Fault
from pipelines.site.less.emitter import EmittedLess
from pipelines.site.less.nodes import SourcePosition

LESSCPY_FIX = 'write it in another way, or set less_compiler = "lessc" in site.toml'


def run_lesscpy(core: EmittedLess) -> tuple[str, list[Fault]]:
    """Return what lesscpy makes of *core*, or a fault for every line that it complains of."""
    css, said = _compile("\n".join(core.lines))
    return css, [_message_fault(core, line) for line in said]


@lru_cache(maxsize=1)
def _parser_class() -> Any:
    """Return lesscpy's parser, made so that it keeps its tables in memory.

    Its own constructor writes them to the folder for temporary files, and would
    import a file of that name from anywhere on the path.
    """
    import ply.yacc
    from lesscpy.lessc import parser

    class Parser(parser.LessParser):  # type: ignore[misc]
        def __init__(self) -> None:
            self.verbose, self.importlvl, self.fail_with_exc = False, 0, True
            self.lex = parser.lexer.LessLexer()
            self.ignored = ("css_comment", "less_comment", "css_vendor_hack")
            self.tokens = [word for word in self.lex.tokens if word not in self.ignored]
            self.stash: dict[str, object] = {}
            self.target = None
            self.result = None
            self.scope = parser.Scope()
            self.register = parser.ErrorRegister()
            self.parser = ply.yacc.yacc(
                module=self,
                start="tunit",
                debug=False,
                optimize=True,
                write_tables=False,
                tabmodule="no_tables_of_lesscpy",
                errorlog=ply.yacc.NullLogger(),
            )

        def again(self) -> None:
            """Forget the last sheet; making the tables takes longer than a small theme."""
            self.scope = parser.Scope()
            self.register = parser.ErrorRegister()
            self.result = None
            lexer = self.lex
            lexer.last = lexer.next_ = None
            lexer.pretok = True
            lexer.lexer.lineno = 1
            lexer.lexer.lexstatestack.clear()
            lexer.lexer.begin("INITIAL")
            lexer.lexer.in_property_decl = False

    return Parser


@lru_cache(maxsize=1)
def _parser() -> Any:
    return _parser_class()()


class _FormatOptions:
    """How lesscpy writes its result."""

    minify = xminify = tabs = False
    spaces = 1


def _compile(text: str) -> tuple[str, list[str]]:
    """Return the CSS and what lesscpy had to say."""
    from lesscpy.lessc import formatter

    said = io.StringIO()
    css = ""
    with redirect_stdout(said), redirect_stderr(said):
        try:
            parser = _parser()
            parser.again()
            parser.parse(file=io.StringIO(text))
            css = formatter.Formatter(_FormatOptions()).format(parser)
        # lesscpy raises whatever its inner parts raise; none of it may pass for CSS.
        except Exception as error:
            said.write(f"{type(error).__name__}: {error}\n")
            _parser.cache_clear()
    return css, [line for line in said.getvalue().splitlines() if line.strip()]


def _message_fault(core: EmittedLess, said: str) -> Fault:
    """Map a message of lesscpy to the line that it speaks of, where it names one."""
    found = re.search(r"line: (\d+)", said)
    number = int(found[1]) if found else 0
    place = core.places[number - 1] if 0 < number <= len(core.places) else None
    if place is None:
        place = SourcePosition(core.places[0].path, 0)
    return Fault(place.path, place.line, f"lesscpy: {_restore_placeholders(core, said)}", LESSCPY_FIX)


def _restore_placeholders(core: EmittedLess, text: str) -> str:
    """Put back what was put aside, in a message."""
    text = re.sub(r'"(\d+)"', lambda found: core.texts[int(found[1])], text)
    text = re.sub(r"\.?s(\d+)_", lambda found: core.selectors[int(found[1])], text)
    return re.sub(r"-d(\d+)-", lambda found: core.declarations[int(found[1])].name, text)
