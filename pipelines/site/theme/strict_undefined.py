"""A missing name in a template that speaks up when it would be shown.

Jinja's own prints nothing, so that a misspelt name leaves a hole in the page;
its strict one refuses even ``{% if name %}``, which templates need.
"""

from __future__ import annotations

from jinja2 import Undefined


class StrictUndefined(Undefined):
    """False when asked, an error when shown or walked through."""

    __str__ = __iter__ = __len__ = Undefined._fail_with_undefined_error
