"""The Notification API: users register, log in and read themselves; notifications come next.

Read it from the outside in: `app.py` puts everything together, `routes` take requests, `deps` hands them what they
need, `use_cases` hold the rules, `models` the tables.
"""
