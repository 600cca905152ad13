"""The rules of the shop: what touches two records or decides something. No HTTP and no session here."""
