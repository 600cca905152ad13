"""Call the Notification API from another service, signed with an API key. Needs nothing but Python.

    python examples/signed_call.py http://127.0.0.1:8000 GET /api/v1/services
    python examples/signed_call.py http://127.0.0.1:8000 POST /api/v1/services/email '{"to": ["ada@example.com"], ...}'

ACCESS_KEY and SECRET_KEY are read from the environment: arguments of a process can be seen by others.
"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def signed_query(access_key: str, secret_key: str, body: bytes = b"", **parameters: str) -> tuple[str, str]:
    """The query string of one call, and the header `secret` that signs it. Send it exactly as it is."""
    query = urllib.parse.urlencode(
        parameters
        | {
            "key": access_key,
            "timestamp": str(int(time.time())),
            "nonce": secrets.token_urlsafe(12),  # each call has a signature of its own, also within one second
            "digest": hashlib.sha256(body).hexdigest(),  # without it the body could be exchanged on its way
        }
    )
    return query, base64.b64encode(hmac.digest(secret_key.encode(), query.encode(), "sha256")).decode()


def call(base_url: str, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    """Status and text of the answer."""
    query, signature = signed_query(os.environ["ACCESS_KEY"], os.environ["SECRET_KEY"], body)
    headers = {"secret": signature, "content-type": "application/json"}
    request = urllib.request.Request(f"{base_url}{path}?{query}", body or None, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the caller's own URL
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


if __name__ == "__main__":
    address, verb, where, *rest = sys.argv[1:]
    status, text = call(address, verb, where, "".join(rest).encode())
    print(text)
    sys.exit(0 if status < 400 else 1)
