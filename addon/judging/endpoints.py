"""Classifies an endpoint by method and path: generation, action, poll or read.

The paths come from the SDKs' resources (openai, anthropic, mistralai, cohere, google-genai; botocore's Bedrock
models) and from the providers' API references. Paths match behind any prefix, as gateways put the same API under
their own.
"""

from __future__ import annotations

import enum
import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["Endpoint", "Result", "Row", "asks_a_model", "endpoint_class", "result_of"]


class Endpoint(enum.Enum):
    """How an endpoint behaves, and so which answers of it are whole and successful."""

    GENERATION = "generation"  # returns a model's output at once
    ACTION = "action"  # changes state: two equal requests may have two effects
    POLL = "poll"  # returns the state of a job, file or run, or a list of them
    READ = "read"  # everything else


class Result(NamedTuple):
    """How the result of a generation looks, besides the grammars that the judge knows.

    `members`: a JSON object with one of these is a result. `media`: so are sound, images and plain text.
    `any_json`: so is every JSON value and every frame that is not an error. `grammars`: the only grammars of a
    result; empty for any.
    """

    members: tuple[str, ...] = ()
    media: bool = False
    any_json: bool = False
    grammars: tuple[str, ...] = ()


class Row(NamedTuple):
    """One kind of endpoint. A `Result` as `kind` makes it a generation.

    `path` is a pattern for the end of the path. `host` is the end of the host's name, for a path that means
    something else at other hosts.
    """

    family: str
    path: str
    kind: Endpoint | Result
    method: str = "POST"
    host: str | tuple[str, ...] = ""


_ACTION, _POLL, _READ = Endpoint.ACTION, Endpoint.POLL, Endpoint.READ
_CHAT = Result(grammars=("openai-chat",))
_RESPONSE = Result(grammars=("openai-responses",))
_MESSAGE = Result(grammars=("anthropic", "anthropic-completions"))
_CANDIDATES = Result(grammars=("gemini",))
_CONVERSE = Result(grammars=("bedrock-converse",))
_EMBEDDINGS = Result(("data", "embeddings", "embedding", "embeddingsByType", "predictions"))
_IMAGES = Result(("data", "images", "artifacts"))
_SPEECH = Result(("audio", "audio_data"), media=True)
_TRANSCRIPT = Result(("text", "segments", "words"), media=True)
_RERANK = Result(("results", "data", "rankings"))
_CLASSES = Result(("results", "classifications"))
_ANY_MODEL = Result(any_json=True)  # each family of models has a shape of its own
_COHERE = (".cohere.com", ".cohere.ai")

# A collection stands at the start of the path, or behind a version (`/v1`, `/v1beta`) or Azure's `/openai`.
_START = r"(?:^|/openai|/v\d\w*)/"

_OPENAI_COLLECTIONS = (
    "agents|assistants|audio/(?:voices|voice_consents)|batches|chat/completions/[^/]+|chatkit|containers"
    "|content_provenance_checks|conversations|decisions|evals|files|fine_tuning|live|organization|projects"
    "|realtime/calls|responses/[^/]+/cancel|skills|threads|uploads|vaults|vector_stores|videos|webhook_endpoints"
)
_ANTHROPIC_COLLECTIONS = (
    "compliance|deployments|dreams|environments|memory_stores|messages/batches|organizations|sessions|tunnels"
    "|user_profiles"
)
_MISTRAL_COLLECTIONS = (
    "audio/(?:agents|sessions)|batch/jobs|client/sessions|connectors|context/search-indexes|libraries"
    "|observability|prompts|rag|service-accounts|triggers|webhooks|workflows"
)
_COHERE_COLLECTIONS = "connectors|datasets|embed-jobs|finetuning"
_GOOGLE_COLLECTIONS = (
    r"batches|batchPredictionJobs|cachedContents|corpora|fileSearchStores|files(?::register)?|tunedModels|tuningJobs"
    r"|upload"
)
_BEDROCK_COLLECTIONS = (
    "async-invoke|custom-models|evaluation-jobs|guardrails|inference-profiles|model-copy-jobs"
    "|model-customization-jobs|model-import-jobs|model-invocation-jobs?|provisioned-model-throughput"
)
_OTHER_COLLECTIONS = "accounts|deployments|fine-tunes|fine-tuning|predictions|trainings|transcript|tasks"

# The first matching row decides. A GET in no row is a poll; a POST in no row has no class.
_ENDPOINTS: tuple[Row, ...] = (
    Row("Perplexity, Zhipu", r"/async/chat/completions", _ACTION),
    Row("OpenAI", r"/chat/completions", _CHAT),
    Row("OpenAI", r"(?:^|/v\d\w*|/beta|/deployments/[^/]+|/fim|/agents)/completions", _CHAT),
    Row("OpenAI", r"/responses/input_tokens", _READ),
    Row("OpenAI", r"/responses/compact", Result(("output",))),
    Row("OpenAI", r"(?:^|/openai|/v\d\w*|/codex)/responses", _RESPONSE),
    Row("OpenAI", r"(?:^|/v\d\w*|/deployments/[^/]+)/embeddings", _EMBEDDINGS),
    # Only `created` is required (openai-openapi, ImagesResponse).
    Row("OpenAI", r"/images/(?:generations|edits|variations)", Result(("created", *_IMAGES.members))),
    Row("OpenAI", r"/audio/speech", _SPEECH),
    Row("OpenAI", r"/audio/(?:transcriptions|translations)", _TRANSCRIPT),
    Row("OpenAI", r"/moderations", _CLASSES),
    Row("OpenAI", r"/fine_tuning/alpha/graders/(?:run|validate)", _READ),
    Row("OpenAI", r"/vector_stores/[^/]+/search", _READ),
    Row("Mistral", r"/conversations(?:/[^/]+(?:/restart)?)?", Result(("outputs",)), host="api.mistral.ai"),
    Row("Mistral", r"/classifications", _CLASSES),
    Row("Mistral", r"/(?:v\d|azure)/ocr", Result(("pages",))),
    Row("Mistral", r"/observability/.*/(?:search|aggregate|latest)", _READ),
    Row("Mistral", r"/search-indexes/[^/]+/(?:grep|navigate|read|search)", _READ),
    Row("Anthropic", r"/messages/count_tokens", _READ),
    Row("Anthropic", r"/v\d\w*/(?:messages|complete)", _MESSAGE),
    Row("Google", r":(?:generateContent|streamGenerateContent|generateMessage|generateText)", _CANDIDATES),
    Row("Google", r":generateAnswer", Result(("answer",))),
    Row("Google", r":(?:embedContent|batchEmbedContents|embedText|batchEmbedText)", _EMBEDDINGS),
    Row("Google", r":predict", Result(("predictions",))),
    Row("Google", r":(?:rawPredict|streamRawPredict|serverStreamingPredict)", _ANY_MODEL),
    Row("Google", r":fetchPredictOperation", _POLL),
    Row("Google", r":(?:countTokens|computeTokens|countTextTokens|countMessageTokens|query)", _READ),
    Row("Google", r":(?:predictLongRunning|batchGenerateContent|asyncBatchEmbedContent|cancel)", _ACTION),
    Row("Google", r":(?:importFile|uploadToFileSearchStore|transferOwnership|upload)", _ACTION),
    Row("Google", r"/v\d\w*/interactions", Result(("outputs", "output"))),
    Row("Google", r"/files/[^/:]+:download", _READ, method="GET"),
    Row("Cohere", r"/v\d/chat", Result(("text",)), host=_COHERE),
    Row("Cohere", r"/v\d/(?:generate|summarize)", Result(("generations", "summary")), host=_COHERE),
    Row("Cohere", r"/v\d/embed", _EMBEDDINGS, host=_COHERE),
    Row("Cohere", r"/v\d/classify", _CLASSES, host=_COHERE),
    Row("Cohere", r"/v\d/(?:tokenize|detokenize|check-api-key|parse)", _READ, host=_COHERE),
    Row("Cohere, Jina, Voyage", r"/v\d/rerank", _RERANK),
    Row("Amazon Bedrock", r"/model/[^/]+/converse(?:-stream)?", _CONVERSE),
    Row("Amazon Bedrock", r"/model/[^/]+/invoke(?:-with-response-stream)?", _ANY_MODEL),
    Row("Amazon Bedrock", r"/model/[^/]+/count-tokens", _READ),
    Row("Ollama", r"/api/(?:pull|push|create|copy)", _ACTION),
    Row("Ollama", r"/api/show", _READ),
    Row("Azure", r"/images/generations:submit", _ACTION),
    Row("Azure", r":analyze(?:-\w+)?(?:/jobs)?|/documentModels:\w+|/transcriptions:submit", _ACTION),
    Row("files", r"/(?:files|videos|sessions|skills|versions)/[^/]+/content", _READ, method="GET"),
    Row("files", r"/batches/[^/]+/results", _READ, method="GET"),
    Row("OpenAI", _START + rf"(?:{_OPENAI_COLLECTIONS})(?:/.*)?", _ACTION),
    Row("Anthropic", _START + rf"(?:{_ANTHROPIC_COLLECTIONS})(?:/.*)?", _ACTION),
    Row("Mistral", _START + rf"(?:{_MISTRAL_COLLECTIONS})(?:/.*)?", _ACTION),
    Row("Cohere", _START + rf"(?:{_COHERE_COLLECTIONS})(?:/.*)?", _ACTION),
    Row("Google", rf"/(?:{_GOOGLE_COLLECTIONS})(?:[/:].*)?", _ACTION, host=".googleapis.com"),
    Row("Google", _START + rf"(?:{_GOOGLE_COLLECTIONS})(?:[/:].*)?", _ACTION),
    Row("Amazon Bedrock", _START + rf"(?:{_BEDROCK_COLLECTIONS})(?:/.*)?", _ACTION),
    Row("other", _START + rf"(?:models/[^/]+/[^/]+/)?(?:{_OTHER_COLLECTIONS})(?:/.*)?", _ACTION),
    # RFC 9110, 9.3: these methods change state, whatever the path.
    Row("HTTP", "", _ACTION, method="PUT"),
    Row("HTTP", "", _ACTION, method="PATCH"),
    Row("HTTP", "", _ACTION, method="DELETE"),
)
_ROWS: dict[str, list[tuple[re.Pattern[str], Row]]] = {}
for _row in _ENDPOINTS:
    _ROWS.setdefault(_row.method, []).append((re.compile(rf"(?:{_row.path})/?$"), _row))

# Members of a request that make its generation run later: OpenAI's background responses, xAI's deferred
# completions.
_LATER = (b'"background"', b'"deferred"')
_PROMPTS = (b'"messages"', b'"contents"', b'"prompt"', b'"input"')
_LONGEST_CACHED = 512  # characters


def endpoint_class(method: str, path: str, *, host: str = "", body: bytes = b"") -> Endpoint | None:
    """The class of an endpoint; None for a POST that no row knows. Never raises.

    `path` may carry a query. `host` decides only where one path means two things. `body` is the request's, decoded:
    a generation that is to run later is an action.
    """
    row = _row_of(method, path, host)
    if row is None:
        return Endpoint.POLL if method.upper() == "GET" else None
    if isinstance(row.kind, Result):
        return Endpoint.ACTION if _runs_later(body) else Endpoint.GENERATION
    return row.kind


def result_of(method: str, path: str, *, host: str = "") -> Result | None:
    """How the result of a generation at this endpoint looks; None if it is not a generation."""
    row = _row_of(method, path, host)
    return row.kind if row and isinstance(row.kind, Result) else None


def _row_of(method: str, path: str, host: str) -> Row | None:
    path = path.partition("?")[0]
    find = _find if len(path) < _LONGEST_CACHED else _find.__wrapped__
    return find(method.upper(), path, host.lower())


@lru_cache(maxsize=2048)
def _find(method: str, path: str, host: str) -> Row | None:
    for pattern, row in _ROWS.get(method, ()):
        if host.endswith(row.host) and pattern.search(path):
            return row
    return None


def asks_a_model(body: bytes) -> bool:
    """Whether a request's body (decoded) looks like OpenAI's, Anthropic's or Gemini's."""
    request = _object(body) if any(name in body for name in _PROMPTS) else {}
    if isinstance(request.get("contents"), list):
        return True
    return "model" in request and any(name in request for name in ("messages", "prompt", "input"))


def _runs_later(body: bytes) -> bool:
    request = _object(body) if any(name in body for name in _LATER) else {}
    return any(request.get(name) is True for name in ("background", "deferred"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
