"""Tests of the media types of assets in the bucket."""

from __future__ import annotations

import re

from pipelines.publish import content_types
from tests.support.project import ROOT


def test_types_are_those_of_the_web_image() -> None:
    """An asset must have the same media type from a pod and from the bucket."""
    text = (ROOT / "images/web/nginx/http/types.conf").read_text()
    rows = re.findall(r'^\s+"([^"]+)"\s+([a-z0-9 ]+);', text, re.M)
    assert {ending: kind for kind, endings in rows for ending in endings.split()} == content_types.MEDIA_TYPES
