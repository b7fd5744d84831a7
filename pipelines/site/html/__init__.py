"""Postprocess and check the HTML of a page: links, images, sanitizer, summary, findings."""
