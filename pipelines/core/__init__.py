"""The values that every package shares: errors, settings, results, digests, credentials."""
