"""Check the finished site: links within it, and links to other hosts."""
