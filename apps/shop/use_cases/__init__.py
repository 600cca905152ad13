"""The rules of the shop: what touches two records or decides something. No HTTP and no session here.

| file | what it holds |
| --- | --- |
| `products` | changing what is for sale |
| `orders` | buying |
| `users` | users with their profiles and posts |
"""
