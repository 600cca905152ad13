"""Measurements of activerow beside hand-written SQLAlchemy: `make bench`."""
