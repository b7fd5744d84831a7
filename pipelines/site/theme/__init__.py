"""The theme's parts: assets, stylesheet, strings, templates."""
