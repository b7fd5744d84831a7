"""Give child processes of the tests the default signal dispositions.

A shell without job control starts a command with ``&`` with SIGINT and SIGQUIT ignored,
and nohup ignores SIGHUP. A child would inherit that, and ignore a SIGINT of its test.
"""

from __future__ import annotations

import signal

_IGNORED_BY_A_CALLER = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def restore_default_signals() -> None:
    """Replace SIG_IGN by a handler that does nothing: exec resets a handler, but not SIG_IGN.

    The tests themselves still ignore these signals.
    """
    for number in _IGNORED_BY_A_CALLER:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
