"""Render the files of a machine from the inventory: pure functions, compared with golden files."""
