"""Motion: animations are short, run once, and respect reduced motion (WCAG 2.2.2, 2.3.3)."""

from __future__ import annotations

import pytest

from tests.browser.visits import TEMPLATES, Reader

pytestmark = pytest.mark.browser

SCENES = ("home", "page with the scene, in German", "not found")
_RUNNING = """document.getAnimations().filter(one => one.playState === "running" || one.pending)
    .map(one => one.animationName ?? one.transitionProperty)"""
_ENDS = """Object.fromEntries(document.getAnimations().map(one =>
    [one.animationName, one.effect.getComputedTiming().endTime]))"""
# The horizontal positions of the element that travels furthest; sets currentTime, so that no time passes.
_TRAVEL = """() => {
    const all = document.getAnimations();
    const end = Math.max(...all.map(one => one.effect.getComputedTiming().endTime));
    all.forEach(one => one.pause());
    const path = () => new Map(all.map(one => [one.effect.target, []]));
    const found = path();
    for (let step = 0; step <= 20; step++) {
        all.forEach(one => { one.currentTime = end * step / 20; });
        for (const [target, positions] of found) {
            const box = target.getBoundingClientRect();
            positions.push(Math.round(box.left + box.width / 2));
        }
    }
    const length = positions => Math.abs(positions[0] - positions.at(-1));
    return [...found.values()].sort((a, b) => length(b) - length(a))[0] ?? [];
}"""


@pytest.mark.parametrize("kind", TEMPLATES)
def test_nothing_moves_under_reduced_motion(reader: Reader, kind: str) -> None:
    with reader.open(kind) as page:
        assert page.js(_RUNNING) == []


@pytest.mark.parametrize("kind", TEMPLATES)
def test_every_animation_ends_within_five_seconds(reader: Reader, kind: str) -> None:
    with reader.open(kind, motion=True) as page:
        ends = page.js(_ENDS)
    assert {name: end for name, end in ends.items() if not 0 < (end or 1e9) <= 5000} == {}
    assert bool(ends) == (kind in SCENES)


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("kind", SCENES)
def test_the_tumbleweed_rolls_from_right_to_left(reader: Reader, kind: str, width: int) -> None:
    """It stops inside the window."""
    with reader.open(kind, motion=True, width=width) as page:
        positions = page.js(_TRAVEL)
        assert positions == sorted(positions, reverse=True)
        assert positions[0] - positions[-1] > 200
        assert 0 < positions[-1] < width
