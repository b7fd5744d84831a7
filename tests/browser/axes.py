"""Ask axe-core what is wrong with an open page."""

from __future__ import annotations

from tests.browser.visits import Scheme, Visit

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS: list[tuple[int, Scheme]] = [(w, s) for w in (320, 1440) for s in ("light", "dark")]

# axe measures no contrast on what a drawn ornament covers, though ours stand behind or beside the
# words. Taken away, nearly every text is measured. Such a sheet is no element: the policy lets it in.
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
    """Return what axe finds: narrow and wide, in daylight and in the dark.

    Without *preload* it does not load style sheets anew, which it does in a way
    that the policy forbids where one imports another.
    """
    visit.js(axe)
    visit.js(_WITHOUT_ORNAMENTS)
    found = []
    for width, scheme in LOOKS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.emulate_media(color_scheme=scheme)
        found += [f"{width} px, {scheme}: {one}" for one in visit.js(_RUN, [TAGS, preload])]
    return found
