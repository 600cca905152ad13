"""The document, and the pages that people look at."""
