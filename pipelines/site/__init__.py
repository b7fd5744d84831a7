"""Render content/ and theme/ into the static site."""
