"""What is computed instead of Pelican equals what Pelican computes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from pelican.utils import process_translations

from pipelines.site.pelican.generators import find_translations


@dataclass(eq=False)
class Item:
    """What Pelican reads of a post to find its translations."""

    slug: str
    lang: str
    source_path: str
    metadata: dict[str, str]
    translations: list[Item] = field(default_factory=list)

    @property
    def in_default_lang(self) -> bool:
        return self.lang == "en"


def _items(seed: int) -> list[Item]:
    draw = random.Random(seed)
    return [
        Item(
            draw.choice("abcdefgh"),
            draw.choice(("en", "de", "fr")),
            str(number),
            draw.choice(({}, {}, {"translation": "true"})),
        )
        for number in range(draw.randrange(12))
    ]


def _described(found: tuple[Sequence[Item], list[Item]], items: list[Item]) -> object:
    named = [[one.source_path for one in part] for part in found]
    return named, {one.source_path: [other.source_path for other in one.translations] for one in items}


def test_translations_are_those_that_pelican_finds() -> None:
    """Pelican's own search takes a second of each build with 10,000 posts."""
    for seed in range(200):
        ours, theirs = _items(seed), _items(seed)
        expected = _described(process_translations(theirs, "slug"), theirs)
        assert _described(find_translations(ours, "slug"), ours) == expected
    assert find_translations(ours, None) == (ours, [])
