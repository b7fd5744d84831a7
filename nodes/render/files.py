"""A file of a machine, and the templates that files are rendered from.

Reads nodes/templates. No writes, no network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HEADER = "Written by the tasks of nodes/ from nodes.toml; changes here are overwritten."
_TEMPLATES = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as it must be on a machine."""

    path: str  # absolute
    text: str
    mode: int = 0o644
    owner: str = "root:root"
    then: str = ""  # what is reloaded after a change: a name for Host.settle

    @property
    def sha256(self) -> str:
        """The digest of the text, as sha256sum(1) prints it."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def render(template: str, **values: Any) -> str:
    """Return nodes/templates/*template* with *values*; an unknown name is an error."""
    return _environment().get_template(template).render(header=HEADER, **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # texts of configuration, whose values the inventory has checked
    )
