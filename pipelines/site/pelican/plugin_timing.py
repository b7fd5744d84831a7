"""Measure the time of each Pelican plugin, and name the plugin that failed.

Pelican's signals do not report their receivers. No reads, no writes, no network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import pelican
from blinker import Signal
from pelican import signals
from pelican.generators import ArticlesGenerator
from pelican.plugins._utils import get_plugin_name, load_plugins

from pipelines.core.errors import PipelineError
from pipelines.site.pelican.generators import SiteArticlesGenerator

_SIGNALS = [value for value in vars(signals).values() if isinstance(value, Signal)]
_Receiver = Callable[..., Any]


class TimedPlugins(pelican.Pelican):  # type: ignore[misc]  # Pelican is not typed
    """Pelican that times every signal receiver of its plugins; close it after the run."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._connected: list[tuple[Signal, _Receiver]] = []
        try:
            super().__init__(settings)
        except BaseException:
            self.close()
            raise

    def init_plugins(self) -> None:
        """Register each plugin with timed receivers; raises PipelineError if one cannot be loaded."""
        names = [str(name) for name in self.settings["PLUGINS"]]
        self.plugins = load_plugins(self.settings)
        found = [get_plugin_name(plugin) for plugin in self.plugins]
        if missing := [name for name in names if name not in found]:
            raise PipelineError(f"pelicanconf.py: no plugin {', '.join(missing)}; install it")
        for plugin, name in zip(self.plugins, found, strict=True):
            for signal, receiver in _registered(plugin):
                signal.disconnect(receiver)
                timed = self._timed(receiver, name)
                signal.connect(timed, weak=False)
                self._connected.append((signal, timed))
        self.settings["PLUGINS"] = found

    def _get_generator_classes(self) -> list[type]:
        own = {ArticlesGenerator: SiteArticlesGenerator}
        return [own.get(one, one) for one in super()._get_generator_classes()]

    def close(self) -> None:
        """Disconnect the plugins from the signals, which are global."""
        for signal, receiver in self._connected:
            signal.disconnect(receiver)
        self._connected.clear()

    def _timed(self, receiver: _Receiver, name: str) -> _Receiver:
        def timed(sender: Any, **values: Any) -> Any:
            start = perf_counter()
            try:
                return receiver(sender, **values)
            except PipelineError:
                raise
            except Exception as error:
                error.add_note(f"in the Pelican plugin {name}")
                raise
            finally:
                self.seconds[name] += perf_counter() - start

        return timed


def _registered(plugin: Any) -> list[tuple[Signal, _Receiver]]:
    """Call the plugin's ``register``; return the receivers that it connected."""
    connected: list[tuple[Signal, _Receiver]] = []

    def note(signal: Signal, *, receiver: _Receiver, **_rest: Any) -> None:
        connected.append((signal, receiver))

    with ExitStack() as stack:
        for signal in _SIGNALS:
            stack.enter_context(signal.receiver_connected.connected_to(note))
        plugin.register()
    return connected
