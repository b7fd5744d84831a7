"""Tests of the steps after the image: version, chart, publishing, and what they talk to."""
