"""Pack the Helm chart of a release reproducibly, and read and write chart repositories."""
