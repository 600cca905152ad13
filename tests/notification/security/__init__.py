"""Keys, tokens, passwords, rates."""
