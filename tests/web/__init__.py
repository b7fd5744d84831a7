"""The web image under test: its very files, run as a process and as a container."""
