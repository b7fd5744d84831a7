"""A generated site whose every file contains its generation."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from pipelines.core.digests import normalize_tree
from pipelines.site.output.directory_swap import staging_directory, swap_directory

PROJECT = Path(__file__).resolve().parents[3]
FILES = 40  # of a generated site: enough to detect a mixture


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def site(stage: Path, generation: str) -> None:
    """Fill *stage* with a site whose every file contains *generation*."""
    write(stage, {f"public/{n}/index.html": generation.encode() for n in range(FILES)})
    write(stage, {"aliases.map": generation.encode(), "gated/members/a": generation.encode()})


def build(out: Path, generation: str, name: str = "site") -> None:
    with staging_directory(out) as stage:
        site(stage, generation)
        normalize_tree(stage)
        swap_directory(stage, out / name, json.dumps({"generation": generation}))


def generation(target: Path) -> str | None:
    """Return the generation of the site at *target*; None if it was removed meanwhile.

    Keeps the directory open, so that all files are read from one tree.
    """
    folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = [f"public/{n}/index.html" for n in range(FILES)]
        generations = set()
        for name in [*names, "aliases.map", "gated/members/a"]:
            with open(name, "rb", opener=lambda p, f: os.open(p, f, dir_fd=folder)) as file:
                generations.add(file.read().decode())
        with open("site.json", "rb", opener=lambda p, f: os.open(p, f, dir_fd=folder)) as file:
            generations.add(json.load(file)["generation"])
    except FileNotFoundError:
        return None  # deleted by the next build
    finally:
        os.close(folder)
    assert len(generations) == 1, f"a mixture of generations: {sorted(generations)}"
    return generations.pop()


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def unsupported(code: int) -> Callable[[Path, Path], None]:
    def refuse(one: Path, two: Path) -> None:
        raise OSError(code, os.strerror(code), str(one), None, str(two))

    return refuse
