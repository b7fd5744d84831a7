"""One module a command, each with ``add`` (its arguments) and ``run`` (its work).

A command imports what it calls within ``run``, so that each pays for its own
libraries alone. What several commands share lies in ``context``, ``arguments``,
``output``, ``tables``, ``summaries``, ``as_of``, ``gitlab``, ``image_registry``,
``invitation`` and ``site_build``; a command never imports another one.
"""
