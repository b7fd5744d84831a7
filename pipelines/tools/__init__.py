"""The only importers of subprocess, git and the HTTP client: one outside thing a file."""
