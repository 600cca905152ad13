"""The rules of the service: what touches two records or decides something. No HTTP and no session here.

| file | what it holds |
| --- | --- |
| `accounts` | registering, logging in, a new password, who a token names |
| `sessions` | log-ins that last: families of refresh tokens |
| `identities` | accounts at providers: logging in, linking, letting go |
| `offers` | which ways to log in there are |
| `api_keys` | making, changing and withdrawing keys |
| `signed_calls` | who signed a call, and that it is accepted once |
| `notifications` | asking for notifications, and seeing what became of them |
| `administration` | what those who run the service may do |
| `readiness` | whether the service can do its work |
"""
