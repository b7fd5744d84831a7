"""Read images: their size, and their bytes without metadata."""
