"""What moves moves briefly, once, and only for readers who like it (WCAG 2.2.2, 2.3.3)."""

from __future__ import annotations

import pytest

from tests.browser.visits import TEMPLATES, Reader

pytestmark = pytest.mark.browser

SCENES = ("home", "page with the scene, in German", "not found")
_RUNNING = """document.getAnimations().filter(one => one.playState === "running" || one.pending)
    .map(one => one.animationName ?? one.transitionProperty)"""
_ENDS = """Object.fromEntries(document.getAnimations().map(one =>
    [one.animationName, one.effect.getComputedTiming().endTime]))"""
# The path, in pixels from the left, of whatever travels furthest; set by hand, so that no time passes.
_TRAVEL = """() => {
    const all = document.getAnimations();
    const end = Math.max(...all.map(one => one.effect.getComputedTiming().endTime));
    all.forEach(one => one.pause());
    const path = () => new Map(all.map(one => [one.effect.target, []]));
    const found = path();
    for (let step = 0; step <= 20; step++) {
        all.forEach(one => { one.currentTime = end * step / 20; });
        for (const [target, places] of found) {
            const box = target.getBoundingClientRect();
            places.push(Math.round(box.left + box.width / 2));
        }
    }
    const length = places => Math.abs(places[0] - places.at(-1));
    return [...found.values()].sort((a, b) => length(b) - length(a))[0] ?? [];
}"""


@pytest.mark.parametrize("kind", TEMPLATES)
def test_nothing_moves_under_reduced_motion(reader: Reader, kind: str) -> None:
    with reader.kind(kind) as page:
        assert page.js(_RUNNING) == []


@pytest.mark.parametrize("kind", TEMPLATES)
def test_every_animation_ends_within_five_seconds(reader: Reader, kind: str) -> None:
    with reader.kind(kind, motion=True) as page:
        ends = page.js(_ENDS)
    assert {name: end for name, end in ends.items() if not 0 < (end or 1e9) <= 5000} == {}
    assert bool(ends) == (kind in SCENES)


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("kind", SCENES)
def test_the_tumbleweed_rolls_from_right_to_left(reader: Reader, kind: str, width: int) -> None:
    """And comes to rest in the window, where it stands from the start under reduced motion."""
    with reader.kind(kind, motion=True, width=width) as page:
        places = page.js(_TRAVEL)
        assert places == sorted(places, reverse=True)
        assert places[0] - places[-1] > 200
        assert 0 < places[-1] < width
