"""The build and the delivery of a static site, from Markdown to a live page."""
