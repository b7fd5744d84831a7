"""Import httpx as where its command line is not installed: that loads click and rich, a third of the import.

No reads, no writes, no network.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

_COMMAND_LINE = "httpx._main"

if TYPE_CHECKING or "httpx" in sys.modules:
    import httpx as httpx
else:
    modules: dict[str, Any] = sys.modules
    modules[_COMMAND_LINE] = None  # so that its import fails, which httpx expects
    try:
        import httpx as httpx
    finally:
        del modules[_COMMAND_LINE]
