"""Run axe-core on an open page."""

from __future__ import annotations

from tests.browser.visits import Scheme, Visit

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWPORTS: list[tuple[int, Scheme]] = [(w, s) for w in (320, 1440) for s in ("light", "dark")]

# axe does not measure contrast where a drawn ornament overlaps, although ours are behind or beside the text.
# Without them it measures nearly every text. An adopted style sheet is not an element: the policy allows it.
_WITHOUT_ORNAMENTS = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*::before, *::after { content: none !important }");
    document.adoptedStyleSheets = [sheet];
}"""
_RUN = """async ([tags, preload]) => {
    const result = await axe.run({ runOnly: tags, resultTypes: ["violations"], preload });
    return result.violations.flatMap(rule => rule.nodes.map(node =>
        `${rule.id}: ${node.html.slice(0, 160)}: ${node.any.concat(node.all, node.none)[0]?.message}`));
}"""


def violations(visit: Visit, axe: str, *, preload: bool = True) -> list[str]:
    """Return the violations that axe finds: narrow and wide, light and dark.

    Without *preload*, axe does not load style sheets again: for one with an @import, the policy forbids how.
    """
    visit.js(axe)
    visit.js(_WITHOUT_ORNAMENTS)
    found = []
    for width, scheme in VIEWPORTS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.emulate_media(color_scheme=scheme)
        found += [f"{width} px, {scheme}: {one}" for one in visit.js(_RUN, [TAGS, preload])]
    return found
