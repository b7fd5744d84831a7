"""Compile the emitted LESS with lesscpy.

Everything that lesscpy prints or raises is a fault; standard output and standard error
are captured while it runs.
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


def run_lesscpy(emitted: EmittedLess) -> tuple[str, list[Fault]]:
    """Return the CSS of *emitted*, and a fault for each message of lesscpy."""
    css, messages = _compile("\n".join(emitted.lines))
    return css, [_message_fault(emitted, message) for message in messages]


@lru_cache(maxsize=1)
def _parser_class() -> Any:
    """Return a subclass of lesscpy's parser that keeps its tables in memory.

    lesscpy's constructor writes them to the temporary directory, and imports a
    module of that name from anywhere on the path.
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

        def reset(self) -> None:
            """Reset the state; building the tables anew takes longer than a small theme."""
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
    """Options of lesscpy's formatter."""

    minify = xminify = tabs = False
    spaces = 1


def _compile(text: str) -> tuple[str, list[str]]:
    """Return the CSS, and the lines that lesscpy printed or raised."""
    from lesscpy.lessc import formatter

    messages = io.StringIO()
    css = ""
    with redirect_stdout(messages), redirect_stderr(messages):
        try:
            parser = _parser()
            parser.reset()
            parser.parse(file=io.StringIO(text))
            css = formatter.Formatter(_FormatOptions()).format(parser)
        # lesscpy does not wrap the exceptions of its libraries.
        except Exception as error:
            messages.write(f"{type(error).__name__}: {error}\n")
            _parser.cache_clear()
    return css, [line for line in messages.getvalue().splitlines() if line.strip()]


def _message_fault(emitted: EmittedLess, message: str) -> Fault:
    """Return *message* as a fault of the source line that it names, if any."""
    found = re.search(r"line: (\d+)", message)
    number = int(found[1]) if found else 0
    position = emitted.positions[number - 1] if 0 < number <= len(emitted.positions) else None
    if position is None:
        position = SourcePosition(emitted.positions[0].path, 0)
    text = f"lesscpy: {_restore_placeholders(emitted, message)}"
    return Fault(position.path, position.line, text, LESSCPY_FIX, "theme")


def _restore_placeholders(emitted: EmittedLess, text: str) -> str:
    """Replace the placeholders in *text* by their originals."""
    text = re.sub(r'"(\d+)"', lambda found: emitted.texts[int(found[1])], text)
    text = re.sub(r"\.?s(\d+)_", lambda found: emitted.selectors[int(found[1])], text)
    return re.sub(r"-d(\d+)-", lambda found: emitted.declarations[int(found[1])].name, text)
