"""Say what is live, what is published, what Git has, and how far apart they are."""
