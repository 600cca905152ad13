"""What a model maps."""
