"""How rows change."""
