"""What the services share of starting.

| file | what it holds |
| --- | --- |
| `service` | a service as a program: from its settings to a server that runs |
| `server` | a socket to listen on, and uvicorn on it |
| `body_limit` | how long a body may be |
| `json_limit` | how much JSON a body may hold |
| `settings` | settings of every service, and what is told about those that are wrong |
"""
