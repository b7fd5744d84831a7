"""Public repositories of Markdown: fetched, mounted as a site, and surveyed."""
