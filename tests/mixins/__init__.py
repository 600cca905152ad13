"""Columns and behaviour to mix in."""
