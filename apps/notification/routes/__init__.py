"""The endpoints: a route takes a request, makes one call and returns a schema.

| file | what it holds |
| --- | --- |
| `service` | `/`, `/health`, `/ready` |
| `metrics` | `/metrics` |
| `auth` | `/api/v1/auth`: registering, logging in, staying logged in, logging out |
| `social` | `/api/v1/auth/{provider}`: logging in at a provider |
| `users` | `/api/v1/users/me` |
| `identities` | `/api/v1/users/me/identities`: accounts at providers |
| `api_keys` | `/api/v1/users/me/apikeys` |
| `caller` | `/api/v1/services`: who signed a call |
| `services` | `/api/v1/services/...`: notifications for other services |
"""
