"""Reads finish reasons and job states: good end, limit, failure, cancelled, or still pending.

Finish reasons: openai `types/chat/chat_completion.py`; anthropic `types/stop_reason.py`; google-genai `types.py`
(FinishReason); cohere `types/finish_reason.py`; mistralai `models/chatcompletionchoice.py`; botocore's
bedrock-runtime model (StopReason); public documentation of DeepSeek and Zhipu.

States: openai `types/batch.py`, `types/responses/response.py`, `types/beta/threads/run_status.py`,
`types/fine_tuning/`, `types/upload.py`, `types/video.py`; anthropic `types/messages/message_batch.py`; google-genai
`types.py` (JobState, TuningJobState, FileState, DocumentState); cohere `batches/types/batch_status.py`,
`finetuning/`, `types/ dataset_validation_status.py`, `types/embed_job_status.py`; mistralai
`models/batchjobstatus.py`, `processstatus.py`; botocore (AsyncInvokeStatus, ModelInvocationJobStatus); Azure's REST
API guidelines on long-running operations; public documentation of Fireworks, Together, Perplexity, Replicate, xAI,
Zhipu and DashScope.

Any other word counts as a good end.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from addon.judging.reasons import NotStored

__all__ = ["Rules", "State", "finish_problem", "limit_problem", "state_of", "state_problem"]


class State(enum.Enum):
    """What a state word means."""

    PENDING = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()
    LIMIT = enum.auto()  # ended at a token or content limit
    DONE = enum.auto()
    UNKNOWN = enum.auto()  # not a word that is known


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly to judge.

    `is_poll`: the request asked for the state of something, or for a listing. `store_open_items`: keep a completed
    response with an output item that is still in progress.
    """

    store_incomplete: bool = True
    store_pending: bool = False
    is_poll: bool = False
    store_open_items: bool = False

    def problem(self, state: State) -> NotStored | None:
        """Why an object in this state is not stored; None if it is."""
        match state:
            case State.PENDING if not self.store_pending:
                return NotStored.NOT_FINISHED
            case State.FAILED:
                return NotStored.FAILED
            case State.CANCELLED if not self.is_poll:  # for a poll it is a final state
                return NotStored.FAILED
            case State.LIMIT if not self.store_incomplete:
                return NotStored.INCOMPLETE
        return None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIMITS = _words(
    """length max_tokens max_output_tokens max_completion_tokens max_prompt_tokens max_length model_length
    max_messages model_context_window_exceeded continuation incomplete budget_exceeded content_filter
    content_filtered guardrail_intervened sensitive safety recitation language blocklist prohibited_content spii
    image_safety image_prohibited_content image_recitation model_armor escalation"""
)
# `other` and `image_other` say only that something went wrong. A retry may succeed, so they count as failures.
_FAILED_REASONS = _words(
    """error timeout error_toxic error_limit user_cancel abort aborted cancelled canceled failed network_error
    insufficient_system_resource malformed_function_call malformed_response malformed_model_output
    malformed_tool_use unexpected_tool_call too_many_tool_calls missing_thought_signature pup_limited_disabled
    other image_other finish_reason_unspecified"""
)
# Some servers write a missing reason as a word.
_NO_REASON = frozenset({"", "null", "none"})

_PENDING = _words(
    """queued in_queue enqueued in_progress inprogress pending submitted scheduled created accepted requested
    started paused unspecified unknown not_started notstarted not_running notrunning not_ready todo initialized
    processing_started triggered cancel_requested cancellation_requested estimated ongoing retrying_after_error"""
)
_FAILED = _words(
    """failed failure fail expired error errored timeout timed_out timedout timeout_exceeded
    partially_succeeded partially_completed partiallycompleted"""
)
# Ended early on request.
_CANCELLED = _words("cancelled canceled stopped aborted terminated")
_DONE = _words(
    """completed complete succeeded success successful done ended ready processed finished ok idle
    requires_action passed validated deployed available"""
)
_STATES = (
    (_PENDING, State.PENDING),
    (_FAILED, State.FAILED),
    (_CANCELLED, State.CANCELLED),
    (_LIMITS, State.LIMIT),
    (_DONE, State.DONE),
)
# `running`, `validating_files`, `pulling manifest`, `STATUS_FINETUNING`: every word that says what goes on now.
_GOES_ON = re.compile(r"(?:^|_)(?!missing|existing|enforcing|[a-z]*thing)[a-z]{3,}ing(?:_|$)")
_WENT_WRONG = re.compile(r"^(?:failed|error)_|_(?:failed|error|expired|timeout)$")
_PREFIX = re.compile(r"^(?:[a-z]+_)*?(?:state|status)_(?=[a-z])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def finish_problem(reason: object, store_incomplete: bool) -> NotStored | None:
    """Why an answer with this finish reason is not stored; None if it is."""
    word = _word(reason)
    if word in _NO_REASON:
        return NotStored.NOT_FINISHED
    if word in _FAILED_REASONS:
        return NotStored.FAILED
    return NotStored.INCOMPLETE if word in _LIMITS and not store_incomplete else None


def limit_problem(reason: object, store_incomplete: bool) -> NotStored | None:
    """Why an answer that says it is incomplete for this reason is not stored; None if it is.

    Any reason but a limit is a failure (`server_overload`). No reason counts as a limit.
    """
    word = _word(reason)
    if word not in _NO_REASON | _LIMITS and not word.startswith("max_"):
        return NotStored.FAILED
    return None if store_incomplete else NotStored.INCOMPLETE


def state_of(state: object) -> State:
    """The meaning of a state (`queued`, `JOB_STATE_RUNNING`, `InProgress`, `pulling manifest` …)."""
    word = _PREFIX.sub("", _word(_CAMEL.sub("_", state) if isinstance(state, str) else state))
    for words, meaning in _STATES:
        if word in words:
            return meaning
    if _WENT_WRONG.search(word):
        return State.FAILED
    return State.PENDING if _GOES_ON.search(word) else State.UNKNOWN


def state_problem(state: object, store_incomplete: bool) -> NotStored | None:
    """Why a model's answer in this state is not stored; None if it is."""
    return Rules(store_incomplete).problem(state_of(state))


def _word(value: object) -> str:
    return re.sub(r"[\s-]+", "_", value.strip()).lower() if isinstance(value, str) else ""
