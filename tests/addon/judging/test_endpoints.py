"""The class of an endpoint, by method and path."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.judging.endpoints import Endpoint, asks_a_model, endpoint_class, result_of

GENERATION, ACTION, POLL, READ = Endpoint.GENERATION, Endpoint.ACTION, Endpoint.POLL, Endpoint.READ


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/chat/completions", GENERATION),
        ("POST", "/openai/deployments/d/chat/completions?api-version=1", GENERATION),
        ("POST", "/api/v1/chat/completions/", GENERATION),
        ("POST", "/v1/responses", GENERATION),
        ("POST", "/v1/messages", GENERATION),
        ("POST", "/anthropic/v1/messages?beta=true", GENERATION),
        ("POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", GENERATION),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent", GENERATION),
        ("POST", "/model/anthropic.claude-3/converse-stream", GENERATION),
        ("POST", "/model/arn%3Aaws%3Ax/invoke", GENERATION),
        ("POST", "/backend-api/codex/responses", GENERATION),
        ("POST", "/beta/completions", GENERATION),
        ("POST", "/v1/embeddings", GENERATION),
        ("POST", "/v1/audio/speech", GENERATION),
        ("POST", "/v1/batches", ACTION),
        ("POST", "/v1/batches/batch_1/cancel", ACTION),
        ("POST", "/v1/messages/batches", ACTION),
        ("POST", "/v1/messages/batches/b/cancel", ACTION),
        ("POST", "/v1/threads/t/runs", ACTION),
        ("POST", "/v1/threads/t/runs/r/submit_tool_outputs", ACTION),
        ("POST", "/v1/responses/resp_1/cancel", ACTION),
        ("POST", "/v1/vector_stores/vs/file_batches", ACTION),
        ("POST", "/v1/uploads/u/parts", ACTION),
        ("POST", "/v1/videos", ACTION),
        ("POST", "/v1/fine_tuning/jobs", ACTION),
        ("POST", "/v1/evals/e/runs", ACTION),
        ("POST", "/v1/organization/invites", ACTION),
        ("POST", "/v1/realtime/calls/c/accept", ACTION),
        ("POST", "/openai/v1/files", ACTION),
        ("POST", "/upload/v1beta/files", ACTION),
        ("POST", "/v1beta/models/veo:predictLongRunning", ACTION),
        ("POST", "/v1beta/models/m:batchGenerateContent", ACTION),
        ("POST", "/v1beta/cachedContents", ACTION),
        ("POST", "/v1/async/chat/completions", ACTION),
        ("POST", "/async-invoke", ACTION),
        ("POST", "/v1/predictions", ACTION),
        ("POST", "/v1/models/owner/name/predictions", ACTION),
        ("POST", "/v1/fine-tunes", ACTION),
        ("POST", "/v1/accounts/a/supervisedFineTuningJobs", ACTION),
        ("POST", "/documentintelligence/documentModels/prebuilt-read:analyze", ACTION),
        ("POST", "/openai/images/generations:submit", ACTION),
        ("POST", "/api/pull", ACTION),
        ("POST", "/v1/batch/jobs", ACTION),
        ("DELETE", "/v1/files/file-1", ACTION),
        ("delete", "/anything/at/all", ACTION),
        ("PUT", "/x", ACTION),
        ("PATCH", "/v1beta/cachedContents/c", ACTION),
        ("POST", "/v1/projects/p/locations/l/models/veo:fetchPredictOperation", POLL),
        ("GET", "/v1/batches/batch_1", POLL),
        ("GET", "/v1/batches", POLL),
        ("GET", "/v1/models", POLL),
        ("GET", "/anything", POLL),
        ("GET", "/v1/files/file-1/content", READ),
        ("GET", "/v1/containers/c/files/f/content", READ),
        ("GET", "/v1/videos/v/content", READ),
        ("GET", "/v1/messages/batches/b/results", READ),
        ("GET", "/v1beta/files/f:download?alt=media", READ),
        ("POST", "/v1/messages/count_tokens", READ),
        ("POST", "/v1beta/models/m:countTokens", READ),
        ("POST", "/v1/vector_stores/vs/search", READ),
        ("POST", "/my/own/api", None),
        ("POST", "/v2/chat", None),
        ("POST", "/api/chat", None),
        ("POST", "/surveys/1/responses", None),
        ("POST", "/v1/realtime/sessions", None),
        ("HEAD", "/v1/models", None),
        ("OPTIONS", "/v1/chat/completions", None),
    ],
)
def test_the_class_of_an_endpoint(method: str, path: str, expected: Endpoint | None) -> None:
    """Each provider's endpoints have their class, behind any prefix; other POSTs have none."""
    assert endpoint_class(method, path) is expected


def test_a_path_with_two_meanings_is_told_by_its_host() -> None:
    """Mistral's conversations answer with a model's output, OpenAI's are created; anyone may have a `/chat`."""
    assert endpoint_class("POST", "/v1/conversations", host="api.mistral.ai") is GENERATION
    assert endpoint_class("POST", "/v1/conversations", host="api.openai.com") is ACTION
    assert endpoint_class("POST", "/v2/chat", host="api.cohere.com") is GENERATION


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/responses", {"background": True}, ACTION),
        ("/v1/responses", {"background": False}, GENERATION),
        ("/v1/responses", {"input": 'say "background": true'}, GENERATION),
        ("/v1/responses", {"metadata": {"background": True}}, GENERATION),
        ("/v1/chat/completions", {"deferred": True}, ACTION),
        ("/v1beta/interactions", {"background": True}, ACTION),
        ("/v1/messages/count_tokens", {"background": True}, READ),
    ],
)
def test_a_generation_that_runs_later_is_an_action(path: str, body: object, expected: Endpoint) -> None:
    """`background` and `deferred` at the top of the request start a job."""
    assert endpoint_class("POST", path, body=json.dumps(body).encode()) is expected


@pytest.mark.parametrize("body", [b'{"background"', b'["background"]', b'{"a":' * 100_000 + b'"background"'])
def test_a_body_that_is_not_an_object_changes_nothing(body: bytes) -> None:
    """Broken, other and endlessly nested JSON leave a generation what it is."""
    assert endpoint_class("POST", "/v1/responses", body=body) is GENERATION


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m", "messages": []}, True),
        ({"messages": []}, False),
        ({"contents": []}, True),
        ({"model": "m", "prompt": "p"}, True),
        ({"model": "m", "input": "i"}, True),
        ({"input": "i"}, False),
        ({"messages": "none"}, False),
        ({"data": {"messages": []}}, False),
        ([{"messages": []}], False),
    ],
)
def test_a_question_to_a_model_is_known_by_its_body(body: object, expected: bool) -> None:
    """A prompt in the form of OpenAI, Anthropic or Gemini, and for the short names a model as well."""
    assert asks_a_model(json.dumps(body).encode()) is expected


def test_only_generations_have_a_result() -> None:
    """The judge asks how a result looks only where a model answers at once."""
    assert result_of("POST", "/v1/chat/completions") is not None
    assert result_of("POST", "/v1/batches") is None
    assert result_of("GET", "/v1/chat/completions") is None


# -- the SDKs' own endpoints -------------------------------------------------

HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "mistralai": "api.mistral.ai",
    "cohere": "api.cohere.com",
    "google.genai": "generativelanguage.googleapis.com",
}
PREFIXES = {"openai": "/v1", "cohere": "/", "google.genai": "/v1beta/"}
PATTERNS = {
    "openai": re.compile(r'self\._post\(\s*(?:path_template\()?f?"([^"]+)"'),
    "anthropic": re.compile(r'self\._post\(\s*(?:path_template\()?f?"([^"]+)"'),
    "mistralai": re.compile(r'method="POST",\s*path="([^"]+)"'),
    "cohere": re.compile(r'\.(?:request|stream)\(\s*f?"([^"]+)",\s*(?:base_url=[^,]+,\s*)?method="POST"'),
    "google.genai": re.compile(r"path = '([^']*:\w+)'"),
}
# They hand out credentials and are never cached, or are paths that another host completes.
WITHOUT_A_CLASS = {
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/v1/realtime/transcription_sessions",
    "/v1/realtime/translations/client_secrets",
    "/rawPredict",
    "/streamRawPredict",
}


def posts(package: str) -> Iterator[str]:
    """The paths that an installed SDK posts to."""
    spec = importlib.util.find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    for file in Path(spec.submodule_search_locations[0]).rglob("*.py"):
        for path in PATTERNS[package].findall(file.read_text(encoding="utf-8")):
            plain = re.sub(r"\{+[^}]*\}+", "abc", path).partition("#")[0]
            plain = f"models/{plain}" if plain.startswith("abc:") else plain
            yield PREFIXES.get(package, "") + plain


@pytest.mark.parametrize("package", HOSTS)
def test_every_post_of_the_sdks_has_a_class(package: str) -> None:
    """A new endpoint of an SDK is noticed: whether it generates, acts or reads must be decided."""
    paths = set(posts(package))
    unknown = {path for path in paths if endpoint_class("POST", path, host=HOSTS[package]) is None}

    assert len(paths) > 10
    assert unknown <= WITHOUT_A_CLASS
