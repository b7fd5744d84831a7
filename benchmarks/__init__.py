"""Benchmarks of build, server, login and delivery, as ratios against a reference in the same run."""
