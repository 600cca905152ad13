"""Models that many tests share."""
