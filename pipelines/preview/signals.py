"""The signals that stop the preview: those that its caller has not set to be ignored.

A shell script that starts it with ``&`` ignores SIGINT, nohup SIGHUP (POSIX,
"Shell Command Language", 2.11); SIGTERM stops it then. No reads, no writes, no network.
"""

from __future__ import annotations

import os
import signal

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the preview."""
    return [number for number in _STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


def stop_hint() -> str:
    """Return how a user stops this process."""
    return "Ctrl-C stops it" if signal.SIGINT in stop_signals() else f"kill {os.getpid()} stops it"
