"""The endpoints at which tracing services take in what an application did."""

from __future__ import annotations

import re
from typing import NamedTuple

from addon.messages import WireRequest
from addon.offline.dummies import OfflineAnswer, json_answer

__all__ = ["HOSTS", "INGESTION", "answer"]


class Ingestion(NamedTuple):
    """Host (`*` stands for one or more characters), start of the path, and whose it is."""

    host: str
    path: str
    who: str


INGESTION = (
    Ingestion("api.openai.com", "/v1/traces/ingest", "OpenAI: traces of openai-agents, on by default"),
    Ingestion("api.smith.langchain.com", "/runs", "LangSmith"),
    Ingestion("*.api.smith.langchain.com", "/runs", "LangSmith, by region"),
    Ingestion("api.smith.langchain.com", "/otel/", "LangSmith: OpenTelemetry"),
    Ingestion("*.api.smith.langchain.com", "/otel/", "LangSmith, by region: OpenTelemetry"),
    Ingestion("cloud.langfuse.com", "/api/public/ingestion", "Langfuse"),
    Ingestion("*.cloud.langfuse.com", "/api/public/ingestion", "Langfuse, by region"),
    Ingestion("cloud.langfuse.com", "/api/public/otel", "Langfuse: OpenTelemetry"),
    Ingestion("*.cloud.langfuse.com", "/api/public/otel", "Langfuse, by region: OpenTelemetry"),
    Ingestion("logfire-*.pydantic.dev", "/v1/", "Pydantic Logfire"),
    Ingestion("app.phoenix.arize.com", "/v1/traces", "Arize Phoenix"),
    Ingestion("otlp.arize.com", "/v1/", "Arize"),
    Ingestion("api.traceloop.com", "/v1/", "Traceloop OpenLLMetry"),
    Ingestion("otlp.agentops.ai", "/v1/", "AgentOps"),
    Ingestion("api.braintrust.dev", "/logs3", "Braintrust"),
    Ingestion("api.braintrust.dev", "/otel/", "Braintrust: OpenTelemetry"),
    Ingestion("trace.wandb.ai", "/call/", "W&B Weave"),
    Ingestion("trace.wandb.ai", "/otel/", "W&B Weave: OpenTelemetry"),
    Ingestion("api.lmnr.ai", "/v1/traces", "Laminar"),
    Ingestion("api.worker.helicone.ai", "/", "Helicone: asynchronous logs"),
    Ingestion("*.i.posthog.com", "/", "PostHog"),
)
"""Every such endpoint."""

HOSTS = tuple(dict.fromkeys(row.host for row in INGESTION))

_ROWS = tuple((re.compile(".+".join(map(re.escape, row.host.split("*")))), row.path) for row in INGESTION)


def answer(request: WireRequest, path: str, now: float) -> OfflineAnswer | None:  # noqa: ARG001 - as its siblings
    """A receipt for what is sent in; None for anything else, such as reading a prompt or a data set."""
    if request.method in ("GET", "HEAD") or not any(
        host.fullmatch(request.host) and path.startswith(start) for host, start in _ROWS
    ):
        return None
    return json_answer({}, 202)
