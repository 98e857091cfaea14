"""Requests that schemathesis makes up from the server's own OpenAPI document, good ones and bad."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from ..server import new_keys
from . import Tally
from .served import Process, apart, client

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "ignored_auth",
    "missing_required_header", "unsupported_method", "allow_header_conformance",
)  # fmt: skip
"""What schemathesis looks for. That bad data are refused and good ones taken is not among it: what
other programs send beside is let pass on purpose, and whether a name is there no document tells."""
ROUND = 1500
"""Requests that one run of schemathesis is to make; the next one has another seed."""
INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|\bat 0x[0-9a-f]{6}|/(?:root|home|usr|tmp|var)/"
    r"|\b(?!HTTPException\b)[A-Za-z]+(?:Error|Exception)\b"
)
"""What only somebody who reads the code should ever see."""
SECONDS = 30.0


def measure(n: int) -> Tally:
    """At least ``n`` requests. Raises `ImportError` without schemathesis."""
    import schemathesis  # noqa: F401  # told before a server is started

    tally = Tally("schema")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (key,) = new_keys(home, "a")
        with apart(home) as server, client(server.url, key) as http, tally.timed():
            statuses: Counter[int] = Counter()
            seed = 0
            while tally.n < n and len(tally.violations) < 100 and server.alive:
                _run(server, http, min(ROUND, n - tally.n), seed, tally, statuses)
                seed += 1
            if not server.alive:
                tally.wrong("the server ended")
            if "Traceback" in server.log:
                tally.wrong(f"the log tells of a bug: …{server.log[-600:]}")
    classes = Counter(f"{status // 100}xx" for status in statuses.elements())
    tally.notes |= {"answers": dict(sorted(classes.items())), "404": statuses[404], "runs": seed}
    return tally


class _Ids:
    """What is there for the key to name: sessions, turns and handles, taken from what it hears."""

    def __init__(self, http: httpx.Client) -> None:
        self._rng = random.Random(0)
        session = http.post("/api/v1/sessions").json()["session"]
        turn = http.post(f"/api/v1/sessions/{session}/turns", json={"request": "a red house"})
        http.get(f"/api/v1/turns/{turn.json()['turn']}/events")
        handle = http.get(f"/api/v1/sessions/{session}").json()["head"]
        self._known: list[dict[str, Any]] = [
            {"session": session, "turn": turn.json()["turn"], "handle": handle}
        ]

    def mix(self, parameters: dict[str, Any], *, deletes: bool) -> dict[str, Any]:
        """The same parameters of a path, or some in their place that are there; the first stays."""
        known = self._known[1:] if deletes else self._known
        if not known or self._rng.random() < 0.3:
            return parameters
        there = self._rng.choice(known)
        return {name: there.get(name, value) for name, value in parameters.items()}

    def hear(self, answer: Any) -> None:
        """Remember a turn that was taken, or the session that was begun."""
        if isinstance(answer, dict) and isinstance(answer.get("session"), str):
            handles = [one["handle"] for one in answer.get("pictures", ())]
            turns = [one["turn"] for one in answer.get("turns", ())]
            self._known.append({
                "session": answer["session"], "turn": answer.get("turn", (turns or [1])[-1]),
                "handle": (handles or ["img-1"])[-1],
            })  # fmt: skip
            del self._known[1:-50]


def _run(
    server: Process, http: httpx.Client, n: int, seed: int, tally: Tally, statuses: Counter[int]
) -> None:
    """One run of schemathesis: at the borders of what the document allows (of which there are some
    hundreds, so a short run is without), by chance, and in chains."""
    import schemathesis
    from schemathesis import hooks
    from schemathesis.engine import Status, events, from_schema

    document = http.get("/openapi.json").json()
    key = http.headers["Authorization"].removeprefix("Bearer ")
    operations = sum(len(ways) for ways in document["paths"].values())
    config = schemathesis.Config.from_dict({
        "seed": seed, "generation": {
            "database": "none", "no-shrink": True, "max-examples": max(1, n // operations // 2),
        },
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
        "auth": {"openapi": {"HTTPBearer": {"bearer": key}}},
        "phases": {"coverage": {"enabled": n >= operations * 20}},
        "request-timeout": SECONDS, "continue-on-failure": True, "warnings": False,
    })  # fmt: skip
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)
    ids = _Ids(http)

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        deletes = case.method == "DELETE"
        case.path_parameters = ids.mix(dict(case.path_parameters), deletes=deletes)

    @schemathesis.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        tally.n += 1
        statuses[response.status_code] += 1
        where = f"{case.method} {case.operation.path} → {response.status_code}"
        if response.status_code >= 500 and response.status_code != 503:
            tally.wrong(where)
        kind = "".join(response.headers.get("content-type", [""]))
        if not kind.startswith("image/"):
            sent = _sent(response)
            for found in INSIDE.finditer(response.content.decode("utf-8", "replace")):
                if found[0] not in sent:
                    tally.wrong(f"{where} tells {found[0]!r}")
        if "json" in kind and response.status_code < 300 and response.content:
            ids.hear(response.json())

    try:
        found = [*from_schema(schema).execute()]
    finally:
        hooks.unregister_all()
    for event in found:
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            tally.wrong(f"{event.label}: {event.value}")
        if isinstance(event, events.ScenarioFinished) and event.status == Status.FAILURE:
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.failure_info is not None:
                        failure = check.failure_info.failure
                        tally.wrong(f"{failure.operation}: {check.name}: {failure.message}"[:400])


def _sent(response: Any) -> str:
    """What a request consisted of, as a reply may quote it."""
    body = response.request.body or b""
    body = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return f"{response.request.url} {response.request.headers} {body}"
