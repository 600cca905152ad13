"""The Notification API: users register and log in, and other services send their notifications through it.

Read it from the outside in: `app.py` puts everything together, `routes` take requests, `deps` hands them what they
need, `use_cases` hold the rules, `models` the tables. Each room says at its door what its files hold; each imports only
from rooms below it, as pyproject.toml draws them.
"""
