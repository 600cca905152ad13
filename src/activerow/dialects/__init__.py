"""What each server says about itself: its error numbers, its settings."""
