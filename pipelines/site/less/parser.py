"""Parse the LESS that lesscpy compiles as less.js does; reject the rest.

The grammar contains plain CSS and, of LESS itself, variables, arithmetic in
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

# At-rules that contain rules. Only conditional ones may be nested in a rule; they bubble up.
CONDITIONAL_AT_RULES = ("@media", "@supports", "@container", "@layer")
KEYFRAMES_AT_RULES = ("@keyframes", "@-webkit-keyframes")
GROUP_AT_RULES = (*CONDITIONAL_AT_RULES, *KEYFRAMES_AT_RULES, "@scope", "@starting-style")
# At-rules that contain only declarations.
DECLARATION_AT_RULES = (
    "@font-face",
    "@page",
    "@property",
    "@counter-style",
    "@view-transition",
    "@font-palette-values",
    "@position-try",
)
# Contexts that may contain a declaration. The others are root, group (a group rule at the
# top level) and keyframes; "declarations" is the block of a keyframe or a declaration at-rule.
DECLARATION_CONTEXTS = ("rule", "mixin", "declarations")


class Parser:
    """Recursive descent parser of one file; collects its errors in `faults`."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.tokens, self.faults = tokenize(text, path)
        self.at = 0
        self.rejected_names: set[str] = set()
        self.selector_names: list[tuple[str, SourcePosition]] = []

    def stylesheet(self) -> Stylesheet:
        # After an unterminated string, no token is reliable.
        body = () if self.faults else self.block("root", None)
        return Stylesheet(body, frozenset(self.rejected_names), tuple(self.selector_names))

    def position(self, token: Token) -> SourcePosition:
        return SourcePosition(self.path, token.line)

    # --- Blocks ---

    def block(self, context: str, opening: Token | None) -> tuple[Node, ...]:
        """Parse up to the end of the block that *opening* begins, or of the file."""
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
            error = UnsupportedError(opening.line, "a block is not closed", "close it with }")
            self.faults.append(error.fault(self.path))
        return tuple(nodes)

    def statement(self, context: str) -> Node | None:
        """Parse one statement; after an error, skip it with its block and return None."""
        prelude, terminator, unclosed = self.prelude()
        after = self.at
        try:
            if not prelude:
                raise UnsupportedError(self.tokens[after - 1].line, "a block without a name", "name it")
            if unclosed:
                text, fix = f"{unclosed[-1].text} is not closed", "close it"
                if terminator == "{":
                    text += " before a block"
                    fix += f"; a block as an argument (a detached ruleset): {FALLBACK_FIX}"
                raise UnsupportedError(unclosed[-1].line, text, fix)
            if not terminator:
                raise UnsupportedError(
                    prelude[-1].line, "the last statement is not terminated", "write a semicolon"
                )
            return self.node(prelude, terminator, context)
        except UnsupportedError as error:
            self.faults.append(error.fault(self.path))
            # Unless its block was parsed already.
            if terminator == "{" and self.at == after:
                self.skip()
                following = strip_trivia(self.tokens[self.at : self.at + 9])
                if unclosed and following and following[0].text == ")":
                    self.prelude()  # the rest of a call with a block as an argument
            return None

    def prelude(self) -> tuple[list[Token], str, list[Token]]:
        """Return the tokens before ``;`` or a brace, that terminator, and the brackets left open."""
        start = self.at
        unclosed: list[Token] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.text in ("{", "}") or (token.text == ";" and not unclosed):
                break
            if depth_change(token) > 0:
                unclosed.append(token)
            elif depth_change(token) < 0 and unclosed:
                unclosed.pop()
            self.at += 1
        prelude = self.tokens[start : self.at]
        terminator = self.tokens[self.at].text if self.at < len(self.tokens) else ""
        while prelude and prelude[-1].kind in ("space", "comment"):
            prelude.pop()
        if terminator in (";", "{"):
            self.at += 1
        return prelude, terminator, unclosed

    def skip(self) -> None:
        """Skip the rest of a block."""
        depth = 1
        while depth and self.at < len(self.tokens):
            depth += {"{": 1, "}": -1}.get(self.tokens[self.at].text, 0)
            self.at += 1

    def node(self, prelude: list[Token], terminator: str, context: str) -> Node | None:
        """Return the node of a statement; raises UnsupportedError."""
        first, *rest = strip_trivia(prelude)
        second = rest[0] if rest else Token("end", "", first.line)
        if first.text.startswith("@@"):
            raise UnsupportedError(first.line, f"{first.text}: a variable that names a variable")
        if first.kind == "at":
            if second.text == ":" and first.text not in (*GROUP_AT_RULES, *DECLARATION_AT_RULES):
                return self.variable(prelude, terminator, context)
            return self.at_rule(prelude, terminator, context)
        if any(token.text == "extend(" for token in rest):
            fix = f"repeat the declarations in a mixin; or {FALLBACK_FIX}"
            raise UnsupportedError(first.line, ":extend()", fix)
        if first.kind == "ident" and second.text == ":" and (terminator != "{" or first.text[:2] == "--"):
            return self.declaration(prelude, terminator, context)
        if first.text == "." and len(prelude) > 1 and prelude[1].kind == "function":
            return self.mixin(prelude, terminator, context)
        if terminator == "{":
            return self.rule(prelude, context)
        if first.kind == "ident" and second.text == "+":
            raise UnsupportedError(first.line, f"{first.text}+: joins values", "write one declaration")
        if first.kind == "interpolation":
            raise UnsupportedError(first.line, f"{first.text}: a variable in a name")
        if first.text in (".", "&") or first.kind == "hash":
            call = "".join(token.text for token in (first, *rest))
            fix = f"define a mixin .name() and call it as .name(); or {FALLBACK_FIX}"
            raise UnsupportedError(first.line, f"{call} calls a rule, not a mixin", fix)
        raise UnsupportedError(first.line, f"{first.text} is not a statement", "write name: value;")

    # --- Statements ---

    def declaration(self, prelude: list[Token], terminator: str, context: str) -> Node:
        first = prelude[0]
        if terminator == "{":
            raise UnsupportedError(first.line, f"a block as the value of {first.text}")
        if context not in DECLARATION_CONTEXTS:
            raise UnsupportedError(first.line, f"{first.text} outside of a rule", "put it into a rule")
        if not re.fullmatch(r"-{0,2}[A-Za-z_][\w-]*", first.text, re.ASCII):
            text = f"{first.text} as the name of a property"
            raise UnsupportedError(first.line, text, "write letters, digits, - and _")
        value = parse_value(after_colon(prelude), self.path, first.text)
        if not value and not (first.text.startswith("--") and terminator == ";"):
            raise UnsupportedError(first.line, f"{first.text} without a value", "give it one")
        return Declaration(first.text, value, self.position(first))

    def variable(self, prelude: list[Token], terminator: str, context: str) -> Node:
        first = prelude[0]
        self.rejected_names.add(first.text)
        if terminator == "{":
            raise UnsupportedError(first.line, f"{first.text} contains a block (a detached ruleset)")
        if context in ("declarations", "keyframes"):
            raise UnsupportedError(
                first.line, f"{first.text} defined inside this block", "define it at the top level"
            )
        value = parse_value(after_colon(prelude), self.path)
        if not value:
            raise UnsupportedError(first.line, f"{first.text} without a value", "give it one")
        self.rejected_names.discard(first.text)
        return VariableDefinition(first.text, value, self.position(first))

    def rule(self, prelude: list[Token], context: str) -> Node:
        first, opening = prelude[0], self.tokens[self.at - 1]
        if any(token.kind == "ident" and token.text == "when" for token in prelude):
            raise UnsupportedError(first.line, "a rule with a guard (when)")
        if context == "declarations":
            text = "a block nested in a block of declarations"
            raise UnsupportedError(first.line, text)
        self.selector_names += selector_names(prelude, self.path)
        selectors = []
        for part in split_tokens(prelude, ","):
            try:
                if context == "keyframes":
                    selectors.append(parse_keyframe_selector(part, first.line))
                else:
                    selectors.append(parse_selector(part, first.line))
            except UnsupportedError as error:
                self.faults.append(error.fault(self.path))
        inner = {"keyframes": "declarations", "mixin": "mixin"}.get(context, "rule")
        node = Rule(tuple(selectors), self.block(inner, opening), self.position(first))
        for selector in selectors:
            if selector.needs_parent and context in ("root", "group"):
                text = f"{selector.parts[0]} without a rule around it"
                raise UnsupportedError(first.line, text, "name the selector in full")
        if [selector.parts for selector in selectors] == [("&",)]:
            raise UnsupportedError(first.line, "& alone as a selector", "write its declarations without it")
        return node

    def at_rule(self, prelude: list[Token], terminator: str, context: str) -> Node:
        first, name, rest = prelude[0], prelude[0].text, strip_trivia(prelude[1:])
        if name == "@import":
            return self.import_(prelude, terminator, context)
        if name in ("@charset", "@namespace"):
            fix = "drop it: the build writes one stylesheet, for HTML and in UTF-8"
            raise UnsupportedError(first.line, name, fix)
        if name == "@layer" and terminator != "{":
            parse_query(prelude[1:], self.path, name)
            if context != "root":
                raise UnsupportedError(first.line, "@layer inside a block", "put it at the top level")
            return StatementAtRule(
                "".join(token.text for token in normalize_spaces(prelude)), self.position(first)
            )
        if terminator != "{":
            is_call = rest and rest[0].text == "("
            text = f"{name}(): a call of a detached ruleset" if is_call else f"unknown at-rule {name}"
            raise UnsupportedError(first.line, text)
        if name in DECLARATION_AT_RULES:
            return self.declaration_at_rule(prelude, context)
        if len(prelude) > 1 and prelude[1].kind not in ("space", "comment") and prelude[1].text != "(":
            raise UnsupportedError(first.line, f"{name}{prelude[1].text}", f"write a space after {name}")
        if name not in GROUP_AT_RULES:
            raise UnsupportedError(first.line, f"unknown at-rule {name}")
        if context in ("declarations", "keyframes"):
            raise UnsupportedError(first.line, f"{name} inside this block")
        if context in ("rule", "mixin") and name not in CONDITIONAL_AT_RULES:
            raise UnsupportedError(first.line, f"{name} inside a rule", "put it at the top level")
        if not rest and name not in ("@scope", "@starting-style"):
            raise UnsupportedError(first.line, f"{name} without a condition or name", "give it one")
        query = parse_query(prelude[1:], self.path, name)
        inner = "keyframes" if name in KEYFRAMES_AT_RULES else "group" if context == "root" else context
        return GroupRule(name, query, self.block(inner, self.tokens[self.at - 1]), self.position(first))

    def declaration_at_rule(self, prelude: list[Token], context: str) -> Node:
        first, name = prelude[0], prelude[0].text
        if context not in ("root", "group"):
            raise UnsupportedError(first.line, f"{name} inside a rule", "put it at the top level")
        query = parse_query(prelude[1:], self.path, name)
        text = " ".join((name, *(getattr(part, "text", "") for part in query)))
        return Rule((), self.block("declarations", self.tokens[self.at - 1]), self.position(first), text)

    def import_(self, prelude: list[Token], terminator: str, context: str) -> Node:
        first, rest = prelude[0], strip_trivia(prelude[1:])
        # Without a space less.js imports it as CSS.
        plain = (
            len(rest) == 1 and rest[0].kind == "string" and prelude[1].kind == "space" and terminator != "{"
        )
        target = rest[0].text[1:-1] if plain else ""
        if context != "root":
            raise UnsupportedError(first.line, "@import inside a block", "put it at the top level")
        if not plain or "://" in target or target.endswith(".css") or "@{" in target:
            fix = 'write @import "file"; for LESS, and put CSS into theme/css/'
            raise UnsupportedError(first.line, "@import of something other than a LESS file", fix)
        return Import(target, self.position(first))

    def mixin(self, prelude: list[Token], terminator: str, context: str) -> Node:
        first, opening = prelude[0], self.tokens[self.at - 1]
        if terminator != "{":
            if context in ("declarations", "keyframes"):
                raise UnsupportedError(first.line, "a mixin called in this block")
            return parse_call(prelude, self.path)
        name = f".{strip_trivia(prelude)[1].text[:-1]}"
        self.rejected_names.add(name)
        if context != "root":
            text = f"{name}() defined inside a block"
            raise UnsupportedError(first.line, text, "define it at the top level")
        faults_before = len(self.faults)
        params = parse_params(prelude, self.path)
        body = self.block("mixin", opening)
        if len(self.faults) == faults_before:
            self.rejected_names.discard(name)
        return MixinDefinition(name, params, body, self.position(first))


def after_colon(prelude: list[Token]) -> list[Token]:
    """Return the tokens after the first colon."""
    return prelude[next(i for i, token in enumerate(prelude) if token.text == ":") + 1 :]
