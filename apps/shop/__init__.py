"""A small shop: products, orders, and users with profiles and posts.

Read it from the outside in: `app.py` puts everything together, `routes` take requests, `use_cases` hold the rules,
`models` the tables. `stores.py` and `routes/store_users.py` say the users a second time, with repositories.
"""
