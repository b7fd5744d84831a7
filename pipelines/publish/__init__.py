"""Send a finished release to where clusters and readers find it: one kind of target a module."""
