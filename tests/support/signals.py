"""Signals as a terminal gives them: children of the tests get the default dispositions.

A shell without job control starts what has an ``&`` with SIGINT and SIGQUIT ignored, and
nohup ignores SIGHUP. A child would inherit that, and a test that ends it by SIGINT would
wait in vain.
"""

from __future__ import annotations

import signal

_IGNORED_BY_A_CALLER = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def restore_for_children() -> None:
    """Handle the signals that the caller of the tests ignores: exec resets a handler, but not SIG_IGN.

    The handler does nothing, so that the tests themselves go on as their caller wants it.
    """
    for number in _IGNORED_BY_A_CALLER:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
