"""Statements about types: checked by mypy and pyright, never run."""
