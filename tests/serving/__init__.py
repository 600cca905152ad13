"""What the services share, and what holds for the endpoints of each."""
