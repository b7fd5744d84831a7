"""Read and validate the documents of content/."""
