"""Send a release to its targets: one kind of target a module."""
