"""Stand-ins for what cannot run here, or must be made to fail on demand."""
