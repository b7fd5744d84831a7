"""Read LESS by a grammar of what lesscpy compiles as less.js does; refuse the rest.

Everything that is plain CSS is admitted; of LESS itself variables, arithmetic in
parentheses, nesting, ``&``, mixins with parameters, and ``@import "file"``.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re

from pipelines.site.less.mixins import parse_call, parse_params
from pipelines.site.less.nodes import (
    Declaration,
    GroupRule,
    Import,
    MixinDefinition,
    Node,
    Rule,
    SourcePosition,
    StatementAtRule,
    Stylesheet,
    VariableDefinition,
)
from pipelines.site.less.queries import parse_query
from pipelines.site.less.selectors import parse_keyframe_selector, parse_selector, selector_names
from pipelines.site.less.tokens import (
    FALLBACK_FIX,
    Token,
    UnsupportedError,
    depth_change,
    split_tokens,
    strip_trivia,
    tokenize,
)
from pipelines.site.less.values import normalize_spaces, parse_value

# At-rules around rules. The first four may stand inside a rule too, and move out of it.
CONDITIONAL_AT_RULES = ("@media", "@supports", "@container", "@layer")
KEYFRAMES_AT_RULES = ("@keyframes", "@-webkit-keyframes")
GROUP_AT_RULES = (*CONDITIONAL_AT_RULES, *KEYFRAMES_AT_RULES, "@scope", "@starting-style")
# At-rules that hold declarations alone.
DECLARATION_AT_RULES = (
    "@font-face",
    "@page",
    "@property",
    "@counter-style",
    "@view-transition",
    "@font-palette-values",
    "@position-try",
)
# Where a declaration may stand; the other places are root, group (at-rules around the
# root) and keyframes.
DECLARATION_CONTEXTS = ("rule", "mixin", "frame")


class Parser:
    """Reads one file; the faults stand in its list."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.tokens, self.faults = tokenize(text, path)
        self.at = 0
        self.refused: set[str] = set()
        self.names: list[tuple[str, SourcePosition]] = []

    def sheet(self) -> Stylesheet:
        # After a string without an end nothing is what it seems.
        body = () if self.faults else self.block("root", None)
        return Stylesheet(body, frozenset(self.refused), tuple(self.names))

    def place(self, token: Token) -> SourcePosition:
        return SourcePosition(self.path, token.line)

    # --- Blocks ---

    def block(self, context: str, opening: Token | None) -> tuple[Node, ...]:
        """Read up to the end of the block that *opening* begins, or of the file."""
        nodes: list[Node] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind in ("space", "comment") or token.text == ";":
                self.at += 1
                continue
            if token.text == "}":
                self.at += 1
                if opening:
                    return tuple(nodes)
                error = UnsupportedError(token.line, "} without a block", "drop it")
                self.faults.append(error.fault(self.path))
                continue
            node = self.statement(context)
            if node:
                nodes.append(node)
        if opening:
            error = UnsupportedError(opening.line, "a block without an end", "close it with }")
            self.faults.append(error.fault(self.path))
        return tuple(nodes)

    def statement(self, context: str) -> Node | None:
        """Read one statement; what is refused is passed over, with its block."""
        head, end, opened = self.head()
        after = self.at
        try:
            if not head:
                raise UnsupportedError(self.tokens[after - 1].line, "a block without a name", "name it")
            if opened:
                text, fix = f"{opened[-1].text} without its end", "close it"
                if end == "{":
                    text += " before a block"
                    fix += f"; a block as an argument (a detached ruleset): {FALLBACK_FIX}"
                raise UnsupportedError(opened[-1].line, text, fix)
            if not end:
                raise UnsupportedError(head[-1].line, "the last statement has no end", "write a semicolon")
            return self.node(head, end, context)
        except UnsupportedError as error:
            self.faults.append(error.fault(self.path))
            # A block that has been read already is not passed over again.
            if end == "{" and self.at == after:
                self.skip()
                # The rest of a call that was given a block.
                if opened and [t.text for t in strip_trivia(self.tokens[self.at : self.at + 9])[:1]] == [")"]:
                    self.head()
            return None

    def head(self) -> tuple[list[Token], str, list[Token]]:
        """Return the words up to ``;`` or a brace, which of them it is, and what is open."""
        start = self.at
        opened: list[Token] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.text in ("{", "}") or (token.text == ";" and not opened):
                break
            if depth_change(token) > 0:
                opened.append(token)
            elif depth_change(token) < 0 and opened:
                opened.pop()
            self.at += 1
        head = self.tokens[start : self.at]
        end = self.tokens[self.at].text if self.at < len(self.tokens) else ""
        while head and head[-1].kind in ("space", "comment"):
            head.pop()
        if end in (";", "{"):
            self.at += 1
        return head, end, opened

    def skip(self) -> None:
        """Pass over the rest of a block."""
        depth = 1
        while depth and self.at < len(self.tokens):
            depth += {"{": 1, "}": -1}.get(self.tokens[self.at].text, 0)
            self.at += 1

    def node(self, head: list[Token], end: str, context: str) -> Node | None:
        """Return what a statement is; raises RefusedError."""
        first, *rest = strip_trivia(head)
        second = rest[0] if rest else Token("end", "", first.line)
        if first.text.startswith("@@"):
            raise UnsupportedError(first.line, f"{first.text}: a variable that names a variable")
        if first.kind == "at":
            if second.text == ":" and first.text not in (*GROUP_AT_RULES, *DECLARATION_AT_RULES):
                return self.variable(head, end, context)
            return self.at_rule(head, end, context)
        if any(token.text == "extend(" for token in rest):
            fix = f"repeat the declarations in a mixin; or {FALLBACK_FIX}"
            raise UnsupportedError(first.line, ":extend()", fix)
        if first.kind == "ident" and second.text == ":" and (end != "{" or first.text[:2] == "--"):
            return self.declaration(head, end, context)
        if first.text == "." and len(head) > 1 and head[1].kind == "function":
            return self.mixin(head, end, context)
        if end == "{":
            return self.rule(head, context)
        if first.kind == "ident" and second.text == "+":
            raise UnsupportedError(first.line, f"{first.text}+: joins values", "write one declaration")
        if first.kind == "interpolation":
            raise UnsupportedError(first.line, f"{first.text}: a variable in a name")
        if first.text in (".", "&") or first.kind == "hash":
            said = "".join(word.text for word in (first, *rest))
            fix = f"define a mixin .name() and call it as .name(); or {FALLBACK_FIX}"
            raise UnsupportedError(first.line, f"{said} calls a rule, not a mixin", fix)
        raise UnsupportedError(first.line, f"{first.text} begins no statement", "write name: value;")

    # --- Statements ---

    def declaration(self, head: list[Token], end: str, context: str) -> Node:
        first = head[0]
        if end == "{":
            raise UnsupportedError(first.line, f"a block as the value of {first.text}")
        if context not in DECLARATION_CONTEXTS:
            raise UnsupportedError(first.line, f"{first.text} outside of a rule", "put it into a rule")
        if not re.fullmatch(r"-{0,2}[A-Za-z_][\w-]*", first.text, re.ASCII):
            text = f"{first.text} as the name of a property"
            raise UnsupportedError(first.line, text, "write letters, digits, - and _")
        value = parse_value(after_colon(head), self.path, first.text)
        if not value and not (first.text.startswith("--") and end == ";"):
            raise UnsupportedError(first.line, f"{first.text} without a value", "give it one")
        return Declaration(first.text, value, self.place(first))

    def variable(self, head: list[Token], end: str, context: str) -> Node:
        first = head[0]
        self.refused.add(first.text)
        if end == "{":
            raise UnsupportedError(first.line, f"{first.text} holds a block (a detached ruleset)")
        if context in ("frame", "keyframes"):
            raise UnsupportedError(first.line, f"{first.text} defined here", "define it at the top level")
        value = parse_value(after_colon(head), self.path)
        if not value:
            raise UnsupportedError(first.line, f"{first.text} without a value", "give it one")
        self.refused.discard(first.text)
        return VariableDefinition(first.text, value, self.place(first))

    def rule(self, head: list[Token], context: str) -> Node:
        first, opening = head[0], self.tokens[self.at - 1]
        if any(token.kind == "ident" and token.text == "when" for token in head):
            raise UnsupportedError(first.line, "a rule with a guard (when)")
        if context == "frame":
            text = "a block inside a block that holds declarations alone"
            raise UnsupportedError(first.line, text)
        self.names += selector_names(head, self.path)
        selectors = []
        for part in split_tokens(head, ","):
            try:
                if context == "keyframes":
                    selectors.append(parse_keyframe_selector(part, first.line))
                else:
                    selectors.append(parse_selector(part, first.line))
            except UnsupportedError as error:
                self.faults.append(error.fault(self.path))
        inner = {"keyframes": "frame", "mixin": "mixin"}.get(context, "rule")
        node = Rule(tuple(selectors), self.block(inner, opening), self.place(first))
        for selector in selectors:
            if selector.needs_parent and context in ("root", "group"):
                text = f"{selector.steps[0]} without a rule around it"
                raise UnsupportedError(first.line, text, "name the selector in full")
        if [selector.steps for selector in selectors] == [("&",)]:
            raise UnsupportedError(first.line, "& alone as a selector", "write its declarations without it")
        return node

    def at_rule(self, head: list[Token], end: str, context: str) -> Node:
        first, name, rest = head[0], head[0].text, strip_trivia(head[1:])
        if name == "@import":
            return self.import_(head, end, context)
        if name in ("@charset", "@namespace"):
            fix = "drop it: the build writes one stylesheet, for HTML and in UTF-8"
            raise UnsupportedError(first.line, name, fix)
        if name == "@layer" and end != "{":
            parse_query(head[1:], self.path, name)
            if context != "root":
                raise UnsupportedError(first.line, "@layer inside a block", "put it at the top level")
            return StatementAtRule("".join(token.text for token in normalize_spaces(head)), self.place(first))
        if end != "{":
            called = f"{name}(): a call of a detached ruleset"
            known = called if rest and rest[0].text == "(" else f"{name} is no at-rule known here"
            raise UnsupportedError(first.line, known)
        if name in DECLARATION_AT_RULES:
            return self.frame(head, context)
        if len(head) > 1 and head[1].kind not in ("space", "comment") and head[1].text != "(":
            raise UnsupportedError(first.line, f"{name}{head[1].text}", f"write a space after {name}")
        if name not in GROUP_AT_RULES:
            raise UnsupportedError(first.line, f"{name} is no at-rule known here")
        if context in ("frame", "keyframes"):
            raise UnsupportedError(first.line, f"{name} inside this block")
        if context in ("rule", "mixin") and name not in CONDITIONAL_AT_RULES:
            raise UnsupportedError(first.line, f"{name} inside a rule", "put it at the top level")
        if not rest and name not in ("@scope", "@starting-style"):
            raise UnsupportedError(first.line, f"{name} without a condition or name", "give it one")
        query = parse_query(head[1:], self.path, name)
        inner = "keyframes" if name in KEYFRAMES_AT_RULES else "group" if context == "root" else context
        return GroupRule(name, query, self.block(inner, self.tokens[self.at - 1]), self.place(first))

    def frame(self, head: list[Token], context: str) -> Node:
        first, name = head[0], head[0].text
        if context not in ("root", "group"):
            raise UnsupportedError(first.line, f"{name} inside a rule", "put it at the top level")
        query = parse_query(head[1:], self.path, name)
        text = " ".join((name, *(getattr(piece, "text", "") for piece in query)))
        return Rule((), self.block("frame", self.tokens[self.at - 1]), self.place(first), text)

    def import_(self, head: list[Token], end: str, context: str) -> Node:
        first, rest = head[0], strip_trivia(head[1:])
        # Without a space less.js takes it for an import of CSS.
        plain = len(rest) == 1 and rest[0].kind == "string" and head[1].kind == "space" and end != "{"
        target = rest[0].text[1:-1] if plain else ""
        if context != "root":
            raise UnsupportedError(first.line, "@import inside a block", "put it at the top level")
        if not plain or "://" in target or target.endswith(".css") or "@{" in target:
            fix = 'write @import "file"; for LESS, and put CSS into theme/css/'
            raise UnsupportedError(first.line, "@import of another kind than a LESS file", fix)
        return Import(target, self.place(first))

    def mixin(self, head: list[Token], end: str, context: str) -> Node:
        first, opening = head[0], self.tokens[self.at - 1]
        if end != "{":
            if context in ("frame", "keyframes"):
                raise UnsupportedError(first.line, "a mixin called in this block")
            return parse_call(head, self.path)
        name = f".{strip_trivia(head)[1].text[:-1]}"
        self.refused.add(name)
        if context != "root":
            text = f"{name}() defined inside a block"
            raise UnsupportedError(first.line, text, "define it at the top level")
        before = len(self.faults)
        params = parse_params(head, self.path)
        body = self.block("mixin", opening)
        if len(self.faults) == before:
            self.refused.discard(name)
        return MixinDefinition(name, params, body, self.place(first))


def after_colon(head: list[Token]) -> list[Token]:
    """Return what stands after the first colon."""
    return head[next(i for i, token in enumerate(head) if token.text == ":") + 1 :]
