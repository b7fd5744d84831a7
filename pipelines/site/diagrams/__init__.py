"""Render PlantUML to SVG that is committed, and put that SVG into pages."""
