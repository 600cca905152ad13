"""What stands at `/`: a page for browsers, one line of text for everybody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, PackageLoader
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

NAME: Final = "Notification API"
DATABASE: Final = "Database"
QUEUE: Final = "Queue"

_HEADERS: Final = {"Vary": "Accept", "Cache-Control": "no-store"}
_PAGE_HEADERS: Final = _HEADERS | {
    # Style sheet and icon stand in the page itself, and nothing else is loaded; nobody may put it into a frame.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something the service depends on, and how it is."""

    name: str
    well: bool
    state: str


class StatusPage:
    """The page, made from a template that comes with the package."""

    def __init__(self, version: str, *, documented: bool) -> None:
        self._version, self._documented = version, documented
        self._template = Environment(loader=PackageLoader("notification.docs"), autoescape=True).get_template(
            "status.html"
        )

    def line(self) -> Response:
        """Name and time."""
        return PlainTextResponse(f"{NAME} (UTC: {datetime.now(UTC):%Y.%m.%d %H:%M:%S})", headers=_HEADERS)

    def page(self, checks: Mapping[str, bool]) -> Response:
        """Name, time, version and how each part is. The status is 200 in any case: the page itself is there."""
        parts = [Part(name, well, _state(name, checks)) for name, well in checks.items()]
        html = self._template.render(
            name=NAME,
            version=self._version,
            documented=self._documented,
            now=datetime.now(UTC),
            parts=parts,
            well=all(checks.values()),
        )
        return HTMLResponse(html, headers=_PAGE_HEADERS)


def _state(name: str, checks: Mapping[str, bool]) -> str:
    if name != QUEUE:
        return "answers" if checks[name] else "does not answer"
    if not checks.get(DATABASE, True):
        return "unknown"
    return "keeps up" if checks[name] else "is behind"


def wants_page(headers: Headers) -> bool:
    """Whether a browser asks: HTML is named among what is accepted, and not liked less than plain text."""
    liking = dict(_likings(",".join(headers.getlist("accept"))))
    html = liking.get("text/html", 0.0)
    return html > 0 and html >= liking.get("text/plain", 0.0)


def _likings(accept: str) -> list[tuple[str, float]]:
    return [
        (kind.strip().lower(), _quality(parameters))
        for kind, _, parameters in (part.partition(";") for part in accept.split(","))
    ]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
