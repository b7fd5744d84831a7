"""Convert Markdown to HTML, with the source line of every block."""
