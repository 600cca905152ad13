"""A social provider on this machine: asks no questions, but checks codes, clients, redirects and PKCE as real ones do.

It speaks Google's, Kakao's and Facebook's dialect, each under the paths of the real one.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "our client", "our client secret"

Answer = tuple[int, bytes]


def answer(status: int, body: Any) -> Answer:
    """An answer with this JSON."""
    return status, json.dumps(body).encode()


def google_user(subject: str = "g-1", email: object = "ada@example.com", **changes: Any) -> dict[str, Any]:
    """What Google says about a user."""
    return {"sub": subject, "email": email, "email_verified": True, "name": "Ada Lovelace"} | changes


def kakao_user(subject: int = 71, email: str = "ada@example.com", **changes: Any) -> dict[str, Any]:
    """What Kakao says about a user."""
    account = {
        "profile": {"nickname": "에이다"},
        "email": email,
        "is_email_valid": True,
        "is_email_verified": True,
    }
    return {"id": subject, "connected_at": "2026-11-01T00:00:00Z", "kakao_account": account | changes}


def facebook_user(subject: str = "10101", email: str = "ada@example.com", **changes: Any) -> dict[str, Any]:
    """What Facebook says about a user."""
    return {"id": subject, "name": "Ada Lovelace", "email": email} | changes


@dataclass
class SocialServer:
    """The provider: `user` is who sits at its browser; `token_answer` and `profile_answer` replace its own answers."""

    url: str
    user: dict[str, Any] = field(default_factory=google_user)
    denies: bool = False
    token_answer: Answer | None = None
    profile_answer: Answer | Callable[[], Answer] | None = None
    calls: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent after the user has agreed, or not."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        if self.denies:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], *, facebook: bool) -> Answer:
        """A token for a code, once, for the client that asked and can prove it."""
        if self.token_answer:
            return self.token_answer
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return answer(401, {"error": "invalid_client"})
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        proved = asked and (asked["code_challenge"], asked["redirect_uri"]) == (challenge, form.get("redirect_uri"))
        if not proved or form.get("grant_type") != "authorization_code":
            return answer(400, {"error": {"code": 100, "type": "OAuthException"} if facebook else "invalid_grant"})
        token = secrets.token_urlsafe(16)
        self.tokens[token] = self.user
        return answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def profile(self, authorization: str) -> Answer:
        """The user of a token."""
        if self.profile_answer:
            return self.profile_answer() if callable(self.profile_answer) else self.profile_answer
        user = self.tokens.get(authorization.removeprefix("Bearer "))
        return answer(200, user) if user else answer(401, {"error": "invalid_token"})


class _Handler(BaseHTTPRequestHandler):
    social: SocialServer

    def do_GET(self) -> None:
        """The user's browser, and the profile."""
        parts = urlsplit(self.path)
        if parts.path in {"/o/oauth2/v2/auth", "/oauth/authorize", "/v21.0/dialog/oauth"}:
            self.send_response(302)
            self.send_header("Location", self.social.authorize(dict(parse_qsl(parts.query))))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif parts.path in {"/v1/userinfo", "/v2/user/me", "/v21.0/me"}:
            self._answer(*self.social.profile(self.headers.get("Authorization", "")))
        else:
            self._answer(404, b"{}")

    def do_POST(self) -> None:
        """Codes for tokens."""
        self.social.calls += 1
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        facebook = self.path == "/v21.0/oauth/access_token"
        if facebook or self.path in {"/token", "/oauth/token"}:
            self._answer(*self.social.token(form, facebook=facebook))
        else:
            self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the base class
        """Say nothing."""


@contextmanager
def social_server() -> Generator[SocialServer]:
    """A provider that runs meanwhile."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        social = Handler.social = SocialServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield social
        finally:
            server.shutdown()
            thread.join()
