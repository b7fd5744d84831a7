"""The small site with more content: enough posts for a second page, and a post with extreme content.

Drafts and posts that are not due are included, so that tests cover their badges.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.support.project import AS_OF, build_site, small_site, write
from tests.support.trees import Site

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RICH_POST = f"""---
title: Everything twice, and {LONG_WORD}, which no line can hold
date: 2025-12-31
tags: [Markdown, A tag of several words]
category: Features
series: Everything
image: ../images/wide.png
---
The first paragraph, with `{LONG_WORD}.{LONG_WORD}` and <https://elsewhere.example/{"a-long-way/" * 12}>.

## Tables

| Name | {" | ".join(f"Column {n}" for n in range(14))} |
|------|{"---:|" * 14}
| row  | {" | ".join(f"{n * 1000003}" for n in range(14))} |

| A | B |
|---|---|
| 1 | 2 |

## Code

```python
def first(argument: str) -> str:  # {"a comment that goes on " * 8}
    return argument
```

```sh
curl --fail https://elsewhere.example/{"x" * 120}
```

## Notes

!!! note "A note"
    With `code`, a [link](second.md) and *emphasis*.

!!! tip
    A tip.

!!! warning
    A warning, with a list:

    - one
    - two

!!! danger
    Danger.

## Pictures

![A wide picture](../images/wide.png "A caption with a [word] in it")

![A tall picture](../images/tall.png "Another caption")

## Math

$$
{" + ".join(f"a_{{{n}}} x^{{{n}}}" for n in range(30))} = 0
$$

$$
\\begin{{pmatrix}} a & b \\\\ c & d \\end{{pmatrix}}
$$

## Lists

- one[^one]
    - two[^two]
        - three[^one]
            1. four, {LONG_WORD}
            2. five

- [x] done
- [ ] to do
- [ ] to do

> A quotation with `code`.
>
> > Another one in it.

Term
:   Definition.

Other term
:   First definition.
:   Second definition.

### Third level

#### Fourth level

Press <kbd>Ctrl</kbd>+<kbd>C</kbd>.

<details markdown="1">
<summary>More of it</summary>

Hidden until it is wanted.

</details>

## A road

<div class="timeline" markdown="1">

2014
:   The first stop.

2018, and a little later
:   The second stop, {LONG_WORD}.

</div>

[^one]: First, with a [link](second.md).
[^two]: Second.
"""


def build_large_site(folder: Path) -> Site:
    """Build the large site in *folder*."""
    project = small_site(folder, history=False)
    posts = project / "content" / "posts"
    write(posts / "rich.md", RICH_POST)
    for name, size in (("wide", (1600, 500)), ("tall", (300, 900))):
        file = io.BytesIO()
        Image.new("RGB", size, (120, 60, 40)).save(file, "PNG")
        write(project / "content" / "images" / f"{name}.png", file.getvalue())
    for number in range(1, 10):
        title = f"Post number {number}"
        text = f"---\ntitle: {title}\ndate: 2025-0{number}-01\ntags: [Markdown]\n---\n{'Words. ' * 60}\n"
        write(posts / f"post-{number}.md", text)
    build_site(project, drafts=True)
    return Site(project, AS_OF)
