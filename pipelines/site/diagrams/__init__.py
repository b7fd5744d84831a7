"""Render PlantUML to committed SVG files, and inline them into pages."""
