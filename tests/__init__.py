"""Tests of everything. This module runs before any other of a test run."""

import os
import sys

# Cache bytecode, also where a container image turns that off: each worker would compile and
# rewrite all tests, and each process that a test starts would compile the pipeline again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
