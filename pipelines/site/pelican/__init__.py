"""Run Pelican on converted documents: plugin, writer, build context."""
