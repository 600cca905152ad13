"""The peers: a file for each way."""
