"""The development server: build on save, reload the browser, show faults."""
