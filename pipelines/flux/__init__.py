"""What the Flux tree needs from this project: settings files and Secrets."""
