"""Single JSON bodies."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"object": "batch", "status": "validating"}, "not-finished"),
        ({"object": "batch", "status": "completed", "errors": None}, None),
        ({"object": "batch", "status": "failed", "errors": {"data": [{"code": "x"}]}}, "error"),
        ({"object": "batch", "status": "cancelling"}, "not-finished"),
        ({"object": "fine_tuning.job", "status": "validating_files"}, "not-finished"),
        ({"object": "video", "status": "in_progress", "progress": 10}, "not-finished"),
        ({"object": "thread.run", "status": "queued"}, "not-finished"),
        ({"object": "thread.run", "status": "requires_action"}, None),
        (
            {"object": "vector_store", "status": "completed", "file_counts": {"in_progress": 1}},
            "not-finished",
        ),
        ({"object": "vector_store", "status": "completed", "file_counts": {"in_progress": 0}}, None),
        ({"type": "message_batch", "processing_status": "in_progress"}, "not-finished"),
        (
            {"type": "message_batch", "processing_status": "ended", "request_counts": {"processing": 2}},
            None,
        ),
        ({"name": "batches/1", "state": "JOB_STATE_RUNNING"}, "not-finished"),
        ({"name": "operations/1", "metadata": {}}, "not-finished"),
        ({"name": "operations/1", "metadata": {}, "done": True, "response": {}}, None),
        ({"name": "operations/1", "done": True, "error": {"code": 13}}, "error"),
        ({"file": {"name": "files/1", "state": "PROCESSING"}}, "not-finished"),
        ({"file": {"name": "files/1", "state": "ACTIVE"}}, None),
        ({"name": "files/1", "state": "FAILED"}, "failed"),
        ({"status": "InProgress", "invocationArn": "arn"}, "not-finished"),
        ({"id": "p", "status": "starting"}, "not-finished"),
        ({"model": "llama3.2", "response": "a", "done": False}, "not-finished"),
        ({"model": "llama3.2", "response": "a", "done": True}, None),
        ({"model": "llama3.2", "response": "", "done": False, "done_reason": "load"}, "not-finished"),
        ({"is_finished": False, "text": ""}, "not-finished"),
        ({"output": {}, "stopReason": None}, "not-finished"),
        ({"output": {}, "stopReason": "malformed_model_output"}, "failed"),
    ],
)
def test_an_object_that_says_its_own_state_is_believed(value, reason, ask):
    """Jobs, files, runs and operations are stored only when their own state is final."""
    assert reason == ask(value, method="GET").reason


def test_an_uploaded_file_is_an_answer_to_the_upload_alone(ask):
    """openai's wait_for_processing polls while a file is `uploaded`."""
    value = {"object": "file", "id": "file-1", "status": "uploaded"}

    assert ask(value, method="POST").reason is None
    assert ask(value, method="GET").reason == "not-finished"


@pytest.mark.parametrize(
    ("value", "post", "get"),
    [
        ({"object": "list", "data": [], "has_more": False}, None, None),
        ({"object": "list", "data": [], "model": "text-embedding-3-small", "usage": {}}, "empty", None),
        ({"created": 1700000000, "data": []}, "empty", None),
        ({"object": "vector_store.search_results.page", "data": [], "has_more": False}, None, None),
        ({"id": "modr-1", "model": "m", "results": []}, "empty", None),
        ({"id": "e", "embeddings": []}, "empty", "empty"),
        ({"embeddings": {}}, "empty", "empty"),
        ({"embedding": []}, "empty", "empty"),
        ({}, "empty", None),
        ([], "empty", None),
        (None, "empty", "empty"),
        ("", "empty", "empty"),
        ("text", None, None),
        (0, None, None),
        ([1], None, None),
        ({"text": ""}, None, None),
        ({"input_tokens": 0}, None, None),
    ],
)
def test_an_empty_listing_is_a_fact_and_an_empty_generation_is_not(value, post, get, ask):
    """`data: []` of a listing or search is stored; of embeddings or images it is not."""
    assert (post, get) == (ask(value, method="POST").reason, ask(value, method="GET").reason)


def test_objects_without_a_rule_are_kept(ask):
    """Objects without a state, such as deletions, token counts and models, are stored."""
    for value in (
        {"id": "file-1", "object": "file", "deleted": True},
        {"totalTokens": 4},
        {"id": "gpt-4o", "object": "model"},
    ):
        assert (ask(value).reason, ask(value).judged) == (None, "json")


@pytest.mark.parametrize(
    "body", [b'{"a": 1', b"oops", b'{"a": 1}{', b'{"a": "\xff"}', b"[" * 100_000, b"9" * 5000 + b"x"]
)
def test_what_does_not_parse_is_refused(body, ask):
    """Truncated, garbled and endlessly nested JSON all give the same reason."""
    assert ask(body).reason == "bad-json"


def test_a_byte_order_mark_does_not_matter(ask):
    """Some gateways start JSON with a byte order mark."""
    assert ask(b'\xef\xbb\xbf{"id": 1}').reason is None


# Objects of real APIs that are still going. Most come from an attack on an earlier version.
PENDING = {
    "Gemini batch": {"name": "batches/1", "metadata": {"@type": "x", "state": "BATCH_STATE_RUNNING"}},
    "Gemini batch, done false": {"name": "batches/1", "metadata": {"state": "x"}, "done": False},
    "Gemini operation": {"name": "models/veo/operations/x"},
    "Gemini operation with metadata": {"name": "fileSearchStores/x/operations/y", "metadata": {}},
    "Gemini file": {"name": "files/x", "state": "PROCESSING"},
    "Gemini list of batches": {
        "operations": [{"name": "batches/1", "metadata": {"state": "BATCH_STATE_PENDING"}}]
    },
    "Vertex batch": {"name": "projects/1/locations/l/batchPredictionJobs/1", "state": "JOB_STATE_RUNNING"},
    "Vertex batch, numbers": {"name": "projects/1/locations/l/batchPredictionJobs/1", "state": 3},
    "Azure analyze": {"status": "notStarted", "createdDateTime": "t"},
    "Azure images": {"id": "x", "status": "notRunning", "created": 1},
    "Azure Sora": {"object": "video.generation.job", "id": "t", "status": "preprocessing", "generations": []},
    "Perplexity": {"id": "x", "model": "sonar", "created_at": 1, "status": "CREATED", "response": None},
    "Mistral batch": {"id": "x", "object": "batch", "status": "CANCELLATION_REQUESTED"},
    "Mistral fine-tuning": {"id": "x", "object": "job", "status": "VALIDATED"},
    "Fireworks": {"name": "accounts/a/supervisedFineTuningJobs/x", "state": "JOB_STATE_WRITING_RESULTS"},
    "Together": {"id": "ft-1", "status": "compressing"},
    "Cohere dataset": {"dataset": {"id": "d", "validation_status": "processing"}},
    "Cohere fine-tuning": {"finetuned_model": {"id": "x", "status": "STATUS_FINETUNING"}},
    "Zhipu, DashScope": {"request_id": "r", "output": {"task_id": "t", "task_status": "PENDING"}},
    "OpenAI file batch": {"object": "vector_store.file_batch", "file_counts": {"in_progress": 1}},
    "OpenAI list of runs": {"object": "list", "data": [{"object": "thread.run", "status": "in_progress"}]},
    "OpenAI list of files": {"object": "list", "data": [{"object": "file", "status": "uploaded"}]},
    "OpenAI events": {"object": "list", "data": [{"object": "fine_tuning.job.event", "message": "Step 1"}]},
    "Anthropic list of batches": {"data": [{"type": "message_batch", "processing_status": "in_progress"}]},
    "Replicate": {"id": "p", "status": "starting"},
    "a bare list": [{"id": 1, "status": "running"}],
    "percentage": {"id": "x", "status": "active", "progress": 10},
    "Ollama pull": {"status": "pulling manifest"},
    "camel case": {"id": "x", "jobStatus": "Running"},
}


@pytest.mark.parametrize("name", PENDING)
def test_a_pending_job_is_not_stored_when_it_is_polled(name, ask):
    """Every provider's spelling and place of a state is read; STORE_PENDING stores it all the same."""
    assert ask(PENDING[name], method="GET").reason == "not-finished"
    assert ask(PENDING[name], method="GET", store_pending=True).reason is None


@pytest.mark.parametrize(
    "value",
    [
        {"object": "batch", "status": "completed", "metadata": {"status": "pending"}},
        {"object": "batch", "status": "cancelled"},
        {"object": "vector_store.file_batch", "status": "in_progress", "file_counts": {"in_progress": 0}},
        {"object": "video", "status": "completed", "progress": 100},
        {"object": "video", "status": "completed", "progress": 1},
        {"name": "batches/1", "metadata": {"state": "BATCH_STATE_SUCCEEDED"}, "done": True, "response": {}},
        {"name": "projects/1/locations/l/batchPredictionJobs/1", "state": 4},
        {"dataset": {"id": "d", "validation_status": "validated"}},
        {"object": "list", "data": [{"object": "thread.run", "status": "failed"}]},
        {
            "object": "list",
            "data": [
                {"object": "fine_tuning.job.event", "message": "The job has successfully completed"},
                {"object": "fine_tuning.job.event", "message": "Step 1"},
            ],
        },
        {"object": "organization.invite", "email": "a@example.com", "status": "accepted"},
        {"object": "response", "status": "cancelled", "error": None},
        {"object": "response", "id": "resp_1", "deleted": True},
        {"id": "gpt-4o", "object": "model"},
        {"address": {"city": "Riga", "state": "NY"}},
    ],
)
def test_a_final_state_is_stored_when_it_is_polled(value, ask):
    """A poll that got a final state, cancelled included, and a listing of ended jobs are stored."""
    assert ask(value, method="GET").reason is None


@pytest.mark.parametrize("status", ["failed", "expired", "errored"])
def test_a_failed_job_is_never_a_success(status, ask):
    """Neither a poll nor an action that says so is stored, with or without STORE_PENDING."""
    for method in ("GET", "DELETE", "POST"):
        assert ask({"id": "x", "status": status}, method=method, store_pending=True).reason == "failed"


@pytest.mark.parametrize("word", ["created", "Accepted"])
def test_a_word_that_ends_a_post_begins_a_job(word, ask):
    """To a POST `created` is an answer; to a poll it means: not started."""
    assert ask({"id": 1, "status": word}, method="POST").reason is None
    assert ask({"id": 1, "status": word}, method="GET").reason == "not-finished"
