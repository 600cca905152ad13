"""The command `activerow`."""
