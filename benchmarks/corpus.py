"""Generate a corpus of posts from a seed, so that each run measures the same input.

Writes Markdown files. No network.
"""

from __future__ import annotations

import random
from pathlib import Path

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


def write_posts(folder: Path, pages: int, seed: int = 1) -> int:
    """Write *pages* posts below *folder* in Pelican's format; return their bytes.

    A post has 8.8 kB and six code blocks on average, half of them without a language, like 1,000 documents
    of real projects.
    """
    dice = random.Random(seed)
    folder.mkdir(parents=True)
    total = 0
    for number in range(pages):
        text = _post(dice, number)
        (folder / f"post-{number:05}.md").write_text(text, encoding="utf-8")
        total += len(text)
    return total


def _post(dice: random.Random, number: int) -> str:
    day = f"{2016 + number % 10}-{1 + number % 12:02}-{1 + number % 28:02}"
    time = f"{8 + number % 12:02}:{number % 60:02}"
    # No digits at the end of a tag: Pelican would overwrite the page of "tag32" with page 2 of "tag3".
    tags = ", ".join(sorted({dice.choice(_WORDS[:32]) for _ in range(3)}))
    parts = [f"Title: Post {number}\nDate: {day} {time}\nCategory: {_WORDS[number % 8]}\nTags: {tags}\n"]
    for section in range(6):
        parts.append(f"## {_sentence(dice, 4)[:-1]} {section}\n")
        parts += [_paragraph(dice) for _ in range(2)]
        parts.append(_block(dice, section))
    parts.append(
        "| Name | Value |\n|------|-------|\n" + "".join(f"| {_word(dice)} | {i} |\n" for i in range(5))
    )
    parts.append("\n".join(f"- {_sentence(dice, 8)}" for _ in range(5)) + "\n")
    return "\n".join(parts)


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
