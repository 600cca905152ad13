"""The endpoints: a route takes a request, makes one call and returns a schema.

| file | what it holds |
| --- | --- |
| `products` | `/products` |
| `orders` | `/orders` |
| `users` | `/users`, with models |
| `store_users` | `/store/users`: the same, with stores |
"""
