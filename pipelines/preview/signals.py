"""The signals that end the preview: those that its caller does not have it ignore.

A script that starts it with ``&`` has it ignore SIGINT, nohup SIGHUP (POSIX,
"Shell Command Language", 2.11); SIGTERM ends it then. No reads, no writes, no network.
"""

from __future__ import annotations

import os
import signal

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ending() -> list[signal.Signals]:
    """Return the signals that end the preview."""
    return [number for number in _ENDING if signal.getsignal(number) != signal.SIG_IGN]


def how_to_end() -> str:
    """Return what a user does to end this process."""
    return "Ctrl-C ends it" if signal.SIGINT in ending() else f"kill {os.getpid()} ends it"
