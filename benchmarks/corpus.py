"""A corpus of posts: generated from a seed, or the documents of a file, repeated as often as needed.

Each run measures the same input. Writes Markdown files. No network.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

GENERATED = "generated"
_FIRST, _DAYS = datetime(2016, 1, 1, 8), 3650  # posts are spread evenly over ten years
_WORDS = (
    "cluster node replica chart image digest layer commit branch release route proxy header cache page "
    "feed theme style script font picture author reader member session token secret volume claim probe "
    "the a of to and in that is it for on with as was by at from which when where while because so but "
    "runs builds serves waits fails returns writes reads keeps moves counts checks answers asks stays"
).split()
_CODE = {
    "python": "def {a}({b}: int) -> int:\n    total = 0\n    for {b} in range({n}):\n        total += {b}\n",
    "bash": 'for {a} in $(seq {n}); do\n  echo "${{{a}}}" | grep -v {b} >> /tmp/{b}.log\ndone\n',
    "yaml": '{a}:\n  {b}: {n}\n  list:\n    - one: true\n    - two: "{a}"\n',
    "json": '{{"{a}": {{"{b}": [1, 2, {n}], "ok": true}}}}\n',
}


@dataclass(frozen=True, slots=True)
class Post:
    """One post, which each generator gets with front matter of its own format."""

    name: str  # of its file, without the suffix
    title: str
    date: datetime  # UTC
    category: str
    tags: tuple[str, ...]
    body: str  # Markdown


def generate(pages: int, seed: int = 1) -> list[Post]:
    """Return *pages* posts in the order of their dates.

    A post has 8.8 kB and six code blocks on average, half of them without a language, like 1,000 documents
    of real projects.
    """
    dice = random.Random(seed)
    return [_post(dice, number, pages) for number in range(pages)]


def repeat(documents: Sequence[tuple[str, str, str]], pages: int, seed: int = 1) -> list[Post]:
    """Return *pages* posts of *documents* (name, title, body), from the first again after the last.

    The second copy of ``a`` is named ``a-2``. Dates, categories and tags are made up as for generated posts.
    """
    dice = random.Random(seed)
    found = []
    for number in range(pages):
        turn, index = divmod(number, len(documents))
        name, title, body = documents[index]
        again = f"-{turn + 1}" if turn else ""
        label = f" ({turn + 1})" if turn else ""
        post = Post(name + again, title + label, _date(number, pages), _category(number), _tags(dice), body)
        found.append(post)
    return found


def write_posts(folder: Path, posts: Sequence[Post]) -> None:
    """Write *posts* below *folder* with the metadata lines of Pelican."""
    folder.mkdir(parents=True)
    for post in posts:
        (folder / f"{post.name}.md").write_text(pelican_text(post), encoding="utf-8")


def pelican_text(post: Post) -> str:
    """Return the file of *post* with the metadata lines of Pelican."""
    return (
        f"Title: {post.title}\nDate: {post.date:%Y-%m-%d %H:%M}\nCategory: {post.category}\n"
        f"Tags: {', '.join(post.tags)}\n\n{post.body}"
    )


def _post(dice: random.Random, number: int, pages: int) -> Post:
    tags = _tags(dice)
    parts = []
    for section in range(6):
        parts.append(f"## {_sentence(dice, 4)[:-1]} {section}\n")
        parts += [_paragraph(dice) for _ in range(2)]
        parts.append(_block(dice, section))
    parts.append(
        "| Name | Value |\n|------|-------|\n" + "".join(f"| {_word(dice)} | {i} |\n" for i in range(5))
    )
    parts.append("\n".join(f"- {_sentence(dice, 8)}" for _ in range(5)) + "\n")
    name, date, body = f"post-{number:05}", _date(number, pages), "\n".join(parts)
    return Post(name, f"Post {number}", date, _category(number), tags, body)


def _date(number: int, pages: int) -> datetime:
    return _FIRST + timedelta(minutes=_DAYS * 24 * 60 // pages * number)


def _category(number: int) -> str:
    return _WORDS[number % 8]


def _tags(dice: random.Random) -> tuple[str, ...]:
    # No digits at the end of a tag: Pelican would overwrite the page of "tag32" with page 2 of "tag3".
    return tuple(sorted({dice.choice(_WORDS[:32]) for _ in range(3)}))


def _word(dice: random.Random) -> str:
    return dice.choice(_WORDS)


def _sentence(dice: random.Random, words: int) -> str:
    return " ".join(_word(dice) for _ in range(words)).capitalize() + "."


def _paragraph(dice: random.Random) -> str:
    text = [_sentence(dice, dice.randrange(10, 23)) for _ in range(6)]
    text[2] = f"*{text[2][:-1]}*, see [a page](https://example.org/{_word(dice)})."
    text[4] = f"`{_word(dice)}` {text[4]}"
    return " ".join(text) + "\n"


def _block(dice: random.Random, section: int) -> str:
    language = dice.choice(sorted(_CODE))
    code = _CODE[language].format(a=_word(dice), b=_word(dice), n=dice.randrange(100)) * 2
    return f"```{language if section % 2 else ''}\n{code}```\n"
