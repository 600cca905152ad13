"""What those who run the service look at.

| file | what it holds |
| --- | --- |
| `request_context` | the request that is being answered |
| `logs` | lines of JSON, without anything that nobody should read |
| `statement_watch` | statements, counted and timed for their request |
| `metrics` | numbers for Prometheus |
"""
