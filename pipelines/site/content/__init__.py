"""Find, read and check the documents of content/."""
