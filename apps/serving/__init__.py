"""What the services share of starting: a socket, the server on it, settings that are told by their names."""
