"""Content and theme in, a finished static tree out."""
