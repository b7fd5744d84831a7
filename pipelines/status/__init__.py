"""Compare what is live with what is published and with Git."""
