"""From the outbox to the recipient."""
