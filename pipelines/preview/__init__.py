"""Show the site while it is written: build on save, reload the browser, explain faults."""
