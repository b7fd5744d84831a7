"""The allowlist of the sanitizer: elements, attributes and URL schemes that content/ may use.

An allowlist, so that new browser features are refused by default. Sources:
WHATWG HTML (elements and attributes), SVG 2, MathML Core, and the URL standard
(schemes). Data and functions of values. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _attributes_by_element(rows: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the attributes of each element; a key of *rows* names one or more elements."""
    return {name: _names(attributes) for names, attributes in rows.items() for name in names.split()}


# Phrasing content without images, media and controls.
PHRASING_ELEMENTS = _attributes_by_element(
    {
        "a": "href hreflang rel target type download referrerpolicy",
        "abbr b bdi bdo br cite code dfn em i kbd mark rp rt ruby s samp small span strong": "",
        "sub sup u var wbr": "",
        "data": "value",
        "del ins": "cite datetime",
        "q": "cite",
        "time": "datetime",
    }
)
HTML_ELEMENTS = PHRASING_ELEMENTS | _attributes_by_element(
    {
        "address article aside caption dd details div dl dt figcaption figure footer": "",
        "h1 h2 h3 h4 h5 h6 header hgroup hr main map menu nav p picture pre section summary": "",
        "search table tbody tfoot thead tr ul": "",
        "area": "alt coords shape href target rel download referrerpolicy",
        "audio": "src controls loop muted preload autoplay crossorigin controlslist",
        "blockquote": "cite",
        "col colgroup": "span",
        "details": "open name",
        "img": "alt src srcset sizes width height loading decoding fetchpriority usemap ismap referrerpolicy",
        "input": "type checked disabled",  # the checkbox of a task list; sanitizer.py refuses other types
        "li": "value",
        "map": "name",
        "meter": "value min max low high optimum",
        "ol": "start reversed type",
        "progress": "value max",
        "source": "src srcset sizes media type width height",
        "td": "colspan rowspan headers",
        "th": "colspan rowspan headers scope abbr",
        "track": "src kind srclang label default",
        "video": """src poster controls loop muted preload autoplay playsinline width height crossorigin
            controlslist""",
    }
)
# Phrasing content: what a summary may contain.
INLINE_ELEMENTS = PHRASING_ELEMENTS | {
    tag: HTML_ELEMENTS[tag]
    for tag in (
        "area",
        "audio",
        "img",
        "input",
        "map",
        "meter",
        "picture",
        "progress",
        "source",
        "track",
        "video",
    )
}
GLOBAL_ATTRIBUTES = _names(
    "class dir hidden id inert itemid itemprop itemref itemscope itemtype lang role spellcheck tabindex title"
    " translate xml:lang"
)
_PREFIXED_ATTRIBUTE = re.compile(r"(?:aria|data)-[a-z0-9_.-]+")  # one of a family of global attributes

# HTML elements that content must not use -> the fix.
_TEMPLATE = "put it into a template of the theme"
REFUSED_ELEMENTS = {
    **dict.fromkeys(("object", "embed", "frame", "frameset", "applet"), "link to what it shows"),
    "iframe": "close it with </iframe>, or link to what it shows",
    **dict.fromkeys(("form", "button", "select", "textarea", "label", "fieldset", "legend"), _TEMPLATE),
    **dict.fromkeys(("datalist", "option", "optgroup", "output", "dialog", "canvas", "template"), _TEMPLATE),
    **dict.fromkeys(("slot", "param"), "remove it"),
    **dict.fromkeys(("basefont", "marquee", "blink"), "write a <span> or <div> with a class"),
}

# SVG 2 without script, foreignObject and style, which run code, embed pages or restyle the page.
_SVG_GLOBAL = GLOBAL_ATTRIBUTES | _names(
    """xmlns xmlns:xlink xml:lang xml:space version viewbox preserveaspectratio transform
    requiredextensions systemlanguage x y z width height cx cy r rx ry fx fy fr x1 y1 x2 y2 dx dy d points
    pathlength offset gradientunits gradienttransform spreadmethod patternunits patterncontentunits
    patterntransform clippathunits maskunits maskcontentunits filterunits primitiveunits markerunits
    markerwidth markerheight refx refy orient rotate lengthadjust textlength startoffset method spacing side
    alignment-baseline baseline-shift clip-path clip-rule color color-interpolation
    color-interpolation-filters cursor direction display dominant-baseline
    enable-background fill fill-opacity fill-rule focusable
    filter flood-color flood-opacity font-family font-size font-size-adjust font-stretch font-style
    font-variant font-weight glyph-orientation-horizontal glyph-orientation-vertical image-rendering
    isolation letter-spacing lighting-color marker-end marker-mid marker-start mask mask-type
    mix-blend-mode opacity overflow paint-order pointer-events shape-rendering stop-color stop-opacity
    stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit
    stroke-opacity stroke-width text-anchor text-decoration text-overflow text-rendering
    transform-origin unicode-bidi vector-effect visibility white-space word-spacing writing-mode"""
)
_FILTER = """amplitude azimuth basefrequency bias diffuseconstant divisor edgemode elevation exponent in in2
    intercept k1 k2 k3 k4 kernelmatrix kernelunitlength limitingconeangle mode numoctaves operator order
    pointsatx pointsaty pointsatz preservealpha radius result scale seed slope specularconstant
    specularexponent stddeviation stitchtiles surfacescale tablevalues targetx targety type values
    xchannelselector ychannelselector"""
_TIMING = """attributename attributetype from to by values begin dur end min max restart repeatcount
    repeatdur fill calcmode keytimes keysplines keypoints path origin additive accumulate type"""
SVG_ELEMENTS = _attributes_by_element(
    {
        "circle clippath defs desc ellipse g line marker mask metadata path polygon polyline rect": "",
        "stop svg switch symbol text title tspan view": "",
        "a": "href xlink:href target rel hreflang type download",
        "lineargradient radialgradient pattern textpath use mpath filter": "href xlink:href",
        "image": "href xlink:href decoding",
        "animate animatemotion animatetransform set": _TIMING,
        """feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix fediffuselighting
        fedisplacementmap fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur
        femerge femergenode femorphology feoffset fepointlight fespecularlighting fespotlight fetile
        feturbulence""": _FILTER,
        "feimage": f"href xlink:href {_FILTER}",
    }
)
# Attributes that an animation may change: not the targets of links, not event handlers.
ANIMATED_ATTRIBUTES = _SVG_GLOBAL | _names(_FILTER)
# Parsers switch back to HTML within these elements: they may contain text only.
TEXT_ONLY_SELECTORS = "svg title, svg desc, math mi, math mn, math mo, math ms, math mtext, math annotation"

# MathML Core, and what else latex2mathml writes.
_MATHML_GLOBAL = GLOBAL_ATTRIBUTES | _names(
    """xmlns display displaystyle scriptlevel mathvariant mathsize mathcolor mathbackground"""
)
MATHML_ELEMENTS = _attributes_by_element(
    {
        "math": "alttext overflow",
        "annotation": "encoding",
        "merror mi mn mphantom mprescripts mroot mrow ms msqrt mstyle msub msubsup msup": "",
        "mtext none semantics": "",
        "menclose": "notation",
        "mfenced": "open close separators",
        "mfrac": "linethickness numalign denomalign bevelled",
        "mo": """accent fence form largeop lspace maxsize minsize movablelimits rspace separator stretchy
            symmetric""",
        "mover munder munderover": "accent accentunder align",
        "mmultiscripts": "subscriptshift superscriptshift",
        "mpadded mspace": "width height depth lspace voffset linebreak",
        "mtable": """columnalign rowalign columnspacing rowspacing columnlines rowlines frame width align side
            equalrows equalcolumns""",
        "mtr mlabeledtr": "columnalign rowalign",
        "mtd": "columnspan rowspan columnalign rowalign",
    }
)
# URL schemes of links, and of resources that a page loads ("": a path of this site).
LINK_SCHEMES = frozenset(
    (
        *("", "https", "http", "mailto", "tel", "sms", "xmpp", "irc", "ircs", "matrix", "geo", "ftp"),
        *("ftps", "sftp", "ssh", "git", "magnet", "gemini", "gopher", "nntp", "news", "urn", "webcal"),
    )
)
LOAD_SCHEMES = frozenset(("", "https", "http"))
# Attributes whose value is a URL or a list of URLs.
LINK_ATTRIBUTES = _names("href xlink:href cite itemid itemtype")
LOAD_ATTRIBUTES = _names("src srcset poster")
URL_ATTRIBUTES = LINK_ATTRIBUTES | LOAD_ATTRIBUTES

_STRIPPED_CHARACTERS = "".join(map(chr, range(33)))  # C0 controls and space
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CSS_ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE | re.DOTALL)
_CSS_LOAD = re.compile(r"(?:url|src)\((?!#)|image-set\(|@import")


def is_global_attribute(name: str) -> bool:
    """Return whether the attribute *name* is allowed on every element."""
    return name in GLOBAL_ATTRIBUTES or _PREFIXED_ATTRIBUTE.fullmatch(name) is not None


def svg_attributes(tag: str) -> frozenset[str]:
    """Return the attributes of the SVG element *tag*, in lower case."""
    return _SVG_GLOBAL | SVG_ELEMENTS[tag]


def mathml_attributes(tag: str) -> frozenset[str]:
    """Return the attributes of the MathML element *tag*."""
    return _MATHML_GLOBAL | MATHML_ELEMENTS[tag]


def normalize_url(url: str) -> str:
    """Return *url* without the characters that browsers strip (URL standard, basic URL parser, steps 1-3)."""
    return re.sub(r"[\t\n\r]", "", url.strip(_STRIPPED_CHARACTERS))


def url_scheme(url: str) -> str:
    """Return the scheme of *url* as a browser parses it, in lower case; "" without one."""
    found = _SCHEME.match(normalize_url(url))
    return found[1].lower() if found else ""


def split_url(url: str) -> SplitResult:
    r"""Return the parts of *url*; only a path where it is not a URL (links.py reports it).

    A browser reads ``/\host`` as ``//host`` (URL standard, relative slash state).
    """
    url = normalize_url(url)
    if "\\" in url and url_scheme(url) in LOAD_SCHEMES:
        before = re.split(r"[?#]", url, maxsplit=1)[0]
        url = before.replace("\\", "/") + url[len(before) :]
    try:
        return urlsplit(url)
    except ValueError:  # an invalid IPv6 address
        return SplitResult("", "", url, "", "")


def has_origin(url: str, origins: frozenset[str]) -> bool:
    """Return whether *url* is below one of *origins*; ``//host`` has the scheme of the page."""
    parts = split_url(url)
    return f"{parts.scheme or 'https'}://{parts.netloc}".lower() in origins


def normalize_css(text: str) -> str:
    """Return *text* in lower case, without escapes, comments, white space and quotes."""
    text = _CSS_ESCAPE.sub(lambda m: chr(int(m[1], 16) % 0x110000) if m[1] else m[2], text)
    text = re.sub(r"/\*.*?(?:\*/|\Z)", "", text, flags=re.DOTALL)
    return re.sub(r"[\s\"']+", "", text).lower()


def css_loads(value: str) -> bool:
    """Return whether the CSS *value* of a presentation attribute loads another file."""
    if "(" not in value and "\\" not in value and "@" not in value:
        return False
    return _CSS_LOAD.search(normalize_css(value)) is not None
