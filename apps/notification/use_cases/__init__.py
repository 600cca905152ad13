"""The rules of the service: what touches two records or decides something. No HTTP and no session here."""
