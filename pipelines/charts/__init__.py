"""The Helm chart of a release: digests put into its values, packed by helm, the same bytes each time."""
