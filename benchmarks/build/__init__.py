"""Benchmark of the build against other generators."""
