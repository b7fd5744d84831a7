"""Parse arithmetic in parentheses: sums of products of numbers, variables and parentheses.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.nodes import Number, Operand, Operation, SourcePosition, VariableRef
from pipelines.site.less.tokens import Token, UnsupportedError

NUMBER = re.compile(r"([+-]?)(\d+\.\d+|\.\d+|\d+)(%|[A-Za-z]*)")
EXPONENT = re.compile(r"[eE]\d*")  # not a unit: 1e3
_OPERATION_FIX = "an operation takes numbers, variables, + - * / and parentheses"


def parse_operation(tokens: Sequence[Token], at: int, path: str) -> tuple[Operand, int]:
    """Return the operand in the parentheses that open at *at*, and the index where they close.

    Raises UnsupportedError, also for a comment: less.js does not allow one everywhere.
    """
    parser = _OperationParser(tokens, at, path)
    operand = parser.parentheses()
    return operand, parser.at


class _OperationParser:
    def __init__(self, tokens: Sequence[Token], at: int, path: str) -> None:
        self.tokens = tokens
        self.at = at
        self.path = path

    @property
    def token(self) -> Token:
        """The current token; an "end" token after the last one."""
        if self.at < len(self.tokens):
            return self.tokens[self.at]
        return Token("end", "the end", self.tokens[-1].line)

    def next(self) -> None:
        """Advance to the next token that is not a space."""
        self.at += 1
        while self.token.kind == "space":
            self.at += 1

    def parentheses(self) -> Operand:
        self.next()
        operand = self.sum()
        if self.token.text != ")":
            raise UnsupportedError(self.token.line, f"{self.token.text} in an operation", _OPERATION_FIX)
        return operand

    def sum(self) -> Operand:
        left = self.product()
        while self.token.text in ("+", "-"):
            token = self.token
            neighbours = (self.tokens[self.at - 1], *self.tokens[self.at + 1 : self.at + 2])
            if any(neighbour.kind != "space" for neighbour in neighbours):
                text = f"{token.text} without spaces in an operation"
                raise UnsupportedError(token.line, text, f"write spaces around the {token.text}")
            self.next()
            left = Operation(token.text, left, self.product(), SourcePosition(self.path, token.line))
        return left

    def product(self) -> Operand:
        left = self.operand()
        while self.token.text in ("*", "/"):
            token = self.token
            self.next()
            left = Operation(token.text, left, self.operand(), SourcePosition(self.path, token.line))
        return left

    def operand(self) -> Operand:
        token = self.token
        found: Operand
        number = NUMBER.fullmatch(token.text) if token.kind == "number" else None
        if number and not EXPONENT.fullmatch(number[3]):
            found = Number(token.text.lstrip("+"))
        elif token.kind == "at" and not token.text.startswith("@@"):
            found = VariableRef(token.text, SourcePosition(self.path, token.line))
        elif token.text == "(":
            found = self.parentheses()
        else:
            raise UnsupportedError(token.line, f"{token.text} in an operation", _OPERATION_FIX)
        self.next()
        return found
