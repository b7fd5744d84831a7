"""Write the settings files and the Secrets of the Flux tree."""
