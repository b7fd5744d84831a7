"""Undefined names in templates: an error when printed, false in a condition.

Jinja's Undefined prints nothing, which hides a misspelt name; its StrictUndefined
rejects even ``{% if name %}``, which templates need.
"""

from __future__ import annotations

from jinja2 import Undefined


class StrictUndefined(Undefined):
    """Falsy, and an error when printed or iterated."""

    __str__ = __iter__ = __len__ = Undefined._fail_with_undefined_error
