"""schemathesis over the service's own document: what is sent, by whom, and what came of it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, cast

import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.notification.tools.fuzz_callers import Credentials
from tests.notification.tools.fuzz_service import ME, Json
from tests.notification.tools.service import SERVICES

# Formats that a schema only names. Of e-mail addresses the service takes those of names that anybody may have.
schemathesis.openapi.format("email", st.from_regex(r"[a-z0-9_+-]{1,20}@[a-z0-9]{1,20}\.(com|org|kr)", fullmatch=True))
schemathesis.openapi.format("ipvanynetwork", st.ip_addresses().map(str) | st.ip_addresses(v=4).map("{}/24".format))

# Valid by the schema, and refused all the same: schemathesis' own, and what no schema can say.
_REFUSALS: Final = ("2xx", "401", "403", "404", "409", "429")
_MORE_REFUSALS: Final = {
    # Which ways to log in there are is a setting, and a log-in at a provider ends in the browser that began it.
    r"/api/v1/auth/.*\{": "400",
    f"{ME}/identities/.": "400",
    # Which hosts are public and which ports are usual; a cursor is signed.
    f"{SERVICES}/webhook": "422",
    f"{SERVICES}/notifications$": "422",
}


def config(*phases: str, examples: int, seed: int | None = None, anonymous: bool = False) -> SchemathesisConfig:
    """All checks of schemathesis, in these phases; without a seed the same examples every time."""
    made: SchemathesisConfig = cast("Any", SchemathesisConfig).from_dict(
        {
            **({} if seed is None else {"seed": seed}),
            "cache": {"enabled": False},
            "continue-on-failure": True,
            "generation": {
                "deterministic": seed is None,
                "max-examples": examples,
                "with-security-parameters": False,  # who calls is said below
                "database": "none",
            },
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
            # A stranger's valid requests are refused as well, with a status that the tests look at themselves.
            "checks": {"positive_data_acceptance": {"enabled": not anonymous}},
            "operations": [] if anonymous else _operations(),
        }
    )
    return made


def _operations() -> list[Json]:
    """What differs from one operation to another."""
    # An unsigned call is a 400, which schemathesis does not take for a refusal; `test_nobody_comes_in` does.
    unsigned = {"include-path-regex": f"^{SERVICES}", "checks": {"ignored_auth": {"enabled": False}}}
    known = [
        {
            "include-path-regex": f"^{path}",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*_REFUSALS, status]}},
        }
        for path, status in _MORE_REFUSALS.items()
    ]
    return [*known, unsigned]


@dataclass
class Findings:
    """How often each operation gave each answer, and what was wrong."""

    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict[str, Counter[int]](Counter))
    faults: list[str] = field(default_factory=list[str])

    @property
    def requests(self) -> int:
        """How many were answered."""
        return sum(counter.total() for counter in self.answers.values())

    @property
    def without_success(self) -> set[str]:
        """Operations that never did what they are there for."""
        return {label for label, counter in self.answers.items() if not any(status < 300 for status in counter)}

    def note(self, event: events.EngineEvent) -> None:
        """Add what an event of the run tells."""
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.faults.append(repr(event))
        elif isinstance(event, events.ScenarioFinished):
            self._count(event.recorder)
            self._blame(event.recorder)

    def _count(self, recorder: ScenarioRecorder) -> None:
        for case_id, interaction in recorder.interactions.items():
            if interaction.response is not None:
                label = _operation(recorder, case_id)
                self.answers[label][interaction.response.status_code] += 1

    def _blame(self, recorder: ScenarioRecorder) -> None:
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE and check.failure_info:
                    interaction = recorder.interactions.get(case_id)
                    answer = interaction.response.text if interaction and interaction.response else "no answer"
                    info = check.failure_info
                    label = _operation(recorder, case_id)
                    self.faults.append(f"{label}: {check.name}: {info.failure}\n{info.code_sample}\n-> {answer}")


def _operation(recorder: ScenarioRecorder, case_id: str) -> str:
    return str(cast("Any", recorder).cases[case_id].value.operation.label)


def fuzz(
    document: Json, address: str, settings: SchemathesisConfig, credentials: Credentials | None = None
) -> Findings:
    """What came of requests that schemathesis made up from the document."""
    schema: Any = schemathesis.openapi.from_dict(document, config=settings)
    schema.config.update(base_url=address)
    if credentials is not None:
        schema.auth.set_from_requests(credentials).apply_to(path_regex=f"^({SERVICES}|{ME})")
    findings = Findings()
    for event in from_schema(schema).execute():
        findings.note(event)
    return findings
