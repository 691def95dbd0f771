"""Maps a finish reason or a job state to a verdict: good end, limit, failure, or not finished yet.

The words come from the SDKs' types: openai `types/chat/chat_completion.py`, `types/responses/response.py`,
`types/batch.py`, `types/beta/threads/run_status.py`; anthropic `types/stop_reason.py`, `types/messages/
message_batch.py`; google-genai `types.py` (FinishReason, JobState, FileState); cohere `types/finish_reason.py`;
mistralai `models/chatcompletionchoice.py`; botocore's bedrock-runtime model (StopReason, AsyncInvokeStatus); and
from the public documentation of DeepSeek, Zhipu and Replicate. Any other word counts as a good end.
"""

from __future__ import annotations

import re

from addon.judging.reasons import NotStored

__all__ = ["finish_problem", "state_problem"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIMITS = _words(
    """length max_tokens max_output_tokens max_completion_tokens max_prompt_tokens max_length model_length
    max_messages model_context_window_exceeded continuation incomplete budget_exceeded content_filter
    content_filtered guardrail_intervened sensitive safety recitation language blocklist prohibited_content spii
    image_safety image_prohibited_content image_recitation model_armor escalation"""
)
# `other` and `image_other` say only that something went wrong. A retry may succeed, so they count as failures.
_FAILURES = _words(
    """error timeout error_toxic error_limit user_cancel abort aborted cancelled canceled failed network_error
    insufficient_system_resource malformed_function_call malformed_response malformed_model_output
    malformed_tool_use unexpected_tool_call too_many_tool_calls missing_thought_signature pup_limited_disabled
    other image_other finish_reason_unspecified"""
)
# Some servers write a missing reason as a word.
_NO_REASON = frozenset({"", "null", "none"})

_PENDING_STATES = _words(
    """queued in_queue in_progress inprogress pending validating validating_files finalizing cancelling canceling
    processing running starting started submitted scheduled stopping uploading updating deleting paused
    unspecified waiting_for_quota processing_dataset processing_started not_started"""
)
_FAILED_STATES = _words(
    """failed failure cancelled canceled expired error errored aborted stopped timeout timed_out
    partially_succeeded partiallycompleted"""
)
_STATE_PREFIX = re.compile(r"^(?:\w+_)?state_")


def finish_problem(reason: object, store_incomplete: bool) -> NotStored | None:
    """Why an answer with this finish reason is not stored; None if it is."""
    word = _word(reason)
    if word in _NO_REASON:
        return NotStored.NOT_FINISHED
    if word in _FAILURES:
        return NotStored.FAILED
    return NotStored.INCOMPLETE if word in _LIMITS and not store_incomplete else None


def state_problem(state: object, store_incomplete: bool) -> NotStored | None:
    """Why an object in this state (`queued`, `JOB_STATE_RUNNING`, `InProgress` …) is not stored; None if it is."""
    word = _STATE_PREFIX.sub("", _word(state))
    if word in _PENDING_STATES:
        return NotStored.NOT_FINISHED
    if word in _FAILED_STATES:
        return NotStored.FAILED
    return NotStored.INCOMPLETE if word in _LIMITS and not store_incomplete else None


def _word(value: object) -> str:
    return value.strip().lower().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""
