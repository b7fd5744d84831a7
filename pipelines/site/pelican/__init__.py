"""Run Pelican over converted documents: its plugin, its writer, what they share."""
