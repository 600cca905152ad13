"""What stands around the routes, in plain ASGI, and what errors are answered with.

| file | what it holds |
| --- | --- |
| `access` | who may come in where: one table, asked first |
| `problems` | the one table of HTTP statuses |
| `request_log` | ids of requests, and a line for each |
| `unexpected_errors` | answers for errors that nobody expected |
| `trusted_hosts` | for which host names there are answers |
| `client_address` | where a request comes from, seen through trusted proxies |
| `redirects` | redirects that name no host |
| `security_headers` | what browsers are told about answers |
| `allowed_methods` | which methods there are for a path |
"""
