"""Nothing under test may reach a hub: this is set before anything is imported.

Threads that wait sleep, as in the worker: on a busy machine spinning slows torch down severalfold.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"
# Of several processes at once (-n) each leaves the others a core.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# A machine may be as slow as it likes, and what a fixture gives serves all examples of a test.
settings.register_profile(
    "any machine", deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("any machine")
