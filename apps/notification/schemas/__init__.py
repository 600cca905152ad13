"""What travels: bodies of requests and of answers.

| file | what it holds |
| --- | --- |
| `texts` | kinds of text that all of them are made of |
| `accounts` | credentials, tokens, users |
| `api_keys` | keys, and the networks they may be used from |
| `notifications` | messages, and what became of them |
| `problems` | why a request was not answered as asked |
| `service` | how the service is |
| `social` | what travels when people log in at a provider |
"""
