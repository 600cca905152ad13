"""The project itself: its backends, pages, examples, package."""
