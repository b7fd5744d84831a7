"""Convert TeX to MathML, which browsers render without a script.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import tostring

from latex2mathml.converter import convert_to_element
from latex2mathml.exceptions import (
    DenominatorNotFoundError,
    DoubleSubscriptsError,
    DoubleSuperscriptsError,
    ExtraLeftOrMissingRightError,
    InvalidAlignmentError,
    InvalidStyleForGenfracError,
    InvalidWidthError,
    LimitsMustFollowMathOperatorError,
    MissingEndError,
    MissingSuperScriptOrSubscriptError,
    NoAvailableTokensError,
    NumeratorNotFoundError,
)

from pipelines.site.markdown import limits

_SYNTAX_ERRORS = (
    DenominatorNotFoundError,
    DoubleSubscriptsError,
    DoubleSuperscriptsError,
    ExtraLeftOrMissingRightError,
    InvalidAlignmentError,
    InvalidStyleForGenfracError,
    InvalidWidthError,
    LimitsMustFollowMathOperatorError,
    MissingEndError,
    MissingSuperScriptOrSubscriptError,
    NoAvailableTokensError,
    NumeratorNotFoundError,
)
# What the converter raises for a missing argument.
_MISSING_ARGUMENT = (IndexError, StopIteration, ValueError)
# Delimiters after \big, \Bigl …, of which latex2mathml writes the command itself.
_BIG_DELIMITER = re.compile(r"(<mo[^<>]* minsize=[^<>]*>)\\([A-Za-z]+|[{}|])(?=</mo>)")
_DELIMITERS = dict(
    zip(
        "lfloor rfloor lceil rceil langle rangle lbrace rbrace { } lbrack rbrack"
        " vert lvert rvert Vert lVert rVert |".split(),
        "⌊⌋⌈⌉⟨⟩{}{}[]|||‖‖‖‖",
        strict=True,
    )
)
_ESCAPED_REFERENCE = re.compile(r"&amp;(#(?:\d+|x[0-9A-Fa-f]+);)")


def to_mathml(tex: str, *, block: bool) -> str:
    """Return *tex* as a ``<math>`` element; raise ValueError for invalid TeX.

    latex2mathml writes the name of an unknown command as text; here it is an
    error, since the name would show on the page.
    """
    try:
        limits.check_formula(tex)
        with limits.limit_call_depth():
            written = tostring(
                convert_to_element(tex, display="block" if block else "inline"), encoding="unicode"
            )
    except limits.LimitExceeded as error:
        raise ValueError(error.args[0]) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except _SYNTAX_ERRORS as error:
        name = re.sub(r"(?<!^)([A-Z])", r" \1", type(error).__name__.removesuffix("Error")).lower()
        raise ValueError(f"is not TeX: {name}") from None
    except _MISSING_ARGUMENT:
        raise ValueError("is not TeX: an argument is missing") from None
    # The converter writes character references as text; its own serializer would also unescape "<".
    mathml = _ESCAPED_REFERENCE.sub(r"&\1", written.replace("&gt;", ">"))
    mathml = _BIG_DELIMITER.sub(lambda found: found[1] + _DELIMITERS.get(found[2], f"\\{found[2]}"), mathml)
    if unknown := re.search(r">\s*(\\[A-Za-z]+)", mathml):
        raise ValueError(f"uses the unknown TeX command {unknown[1]}")
    # The minifier does not close <mspace/> and drops </math>.
    return re.sub(r"<(m\w+)([^<>]*?)\s*/>", r"<\1\2></\1>", mathml)
