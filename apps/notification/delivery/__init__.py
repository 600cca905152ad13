"""From the outbox to the recipient: claiming, sending, trying again."""
