"""Parse the parameters of a mixin definition and the arguments of a mixin call.

Reads and writes nothing. No network.
"""

from __future__ import annotations

from pipelines.site.less.nodes import MixinCall, Param, SourcePosition, Value
from pipelines.site.less.tokens import Token, UnsupportedError, depth_change, split_tokens, strip_trivia
from pipelines.site.less.values import parse_value


def parse_call(head: list[Token], path: str) -> MixinCall:
    """Return the call in ``.name(…)``; raises UnsupportedError."""
    name, inside, after = _split_signature(head)
    if after:
        text = f"{''.join(token.text for token in after)} after a call of {name}()"
        raise UnsupportedError(after[0].line, text)
    args: list[tuple[str, Value]] = []
    for part in _split_arguments(inside):
        key, tokens = _split_name(part)
        value = parse_value(part if tokens is None else tokens, path)
        if not value:
            line = part[0].line if part else head[0].line
            raise UnsupportedError(line, f"an empty argument of {name}()", "give it a value")
        args.append(("" if tokens is None else key, value))
    return MixinCall(name, tuple(args), SourcePosition(path, head[0].line))


def parse_params(head: list[Token], path: str) -> tuple[Param, ...]:
    """Return the parameters in ``.name(…)``; raises UnsupportedError."""
    name, inside, after = _split_signature(head)
    if after:
        suffix = "a guard (when)" if after[0].text == "when" else after[0].text
        raise UnsupportedError(after[0].line, f"{name}() with {suffix}")
    params: list[Param] = []
    for part in _split_arguments(inside):
        key, tokens = _split_name(part)
        if not key or (tokens is None and len(strip_trivia(part)) > 1):
            parameter = "".join(token.text for token in strip_trivia(part)) or "nothing"
            line = part[0].line if part else head[0].line
            text = f"{parameter} as a parameter of {name}()"
            raise UnsupportedError(line, text, "write @name or @name: value")
        params.append(Param(key, None if tokens is None else parse_value(tokens, path)))
    return tuple(params)


def _split_signature(head: list[Token]) -> tuple[str, list[Token], list[Token]]:
    """Return the name with its dot, the tokens in the parentheses, and those after them."""
    start = next(i for i, token in enumerate(head) if token.kind == "function")
    name = f".{head[start].text[:-1]}"
    depth = 0
    for index in range(start, len(head)):
        depth += depth_change(head[index])
        if depth == 0 and head[index].text != ")":
            raise UnsupportedError(
                head[index].line, f"{head[index].text} without an opening bracket", "remove it, or open it"
            )
        if depth == 0:
            return name, head[start + 1 : index], strip_trivia(head[index + 1 :])
    raise UnsupportedError(head[start].line, f"{name}( is not closed", "close it")


def _split_arguments(tokens: list[Token]) -> list[list[Token]]:
    """Split arguments at semicolons, or at commas if there are no semicolons."""
    separator = ";" if len(split_tokens(tokens, ";")) > 1 else ","
    parts = split_tokens(tokens, separator)
    return parts if strip_trivia(parts[-1]) else parts[:-1]


def _split_name(part: list[Token]) -> tuple[str, list[Token] | None]:
    """Return the variable at the start of *part*, and the tokens after its colon, if any."""
    plain = strip_trivia(part)
    if not plain or plain[0].kind != "at" or plain[0].text.startswith("@@"):
        return "", None
    if len(plain) > 1 and plain[1].text == ":":
        return plain[0].text, part[part.index(plain[1]) + 1 :]
    return plain[0].text, None
