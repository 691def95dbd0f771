"""The variables for clients of a run that sends nothing."""

from __future__ import annotations

from addon.environment.offline_env import offline_environment

URL = "http://127.0.0.1:8080"


def test_exactly_these_variables() -> None:
    """Look-ups are off, and each cloud's metadata is asked at the proxy."""
    assert offline_environment({}, URL) == {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GCE_METADATA_HOST": "127.0.0.1:8080",
        "GCE_METADATA_IP": "127.0.0.1:8080",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{URL}/",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": URL,
    }


def test_the_users_own_values_stay() -> None:
    """A variable that has a value is not replaced; an empty one is as good as unset."""
    made = offline_environment(
        {"GCE_METADATA_HOST": "emulator", "HF_HUB_DISABLE_TELEMETRY": "0", "GCE_METADATA_IP": ""}, URL
    )
    assert "GCE_METADATA_HOST" not in made
    assert "HF_HUB_DISABLE_TELEMETRY" not in made
    assert made["GCE_METADATA_IP"] == "127.0.0.1:8080"


def test_metadata_can_be_left_alone() -> None:
    """Without the proxy's address nothing leads there."""
    assert not [name for name in offline_environment({}, None) if "METADATA" in name or "AUTHORITY" in name]


def test_hugging_faces_inference_is_not_switched_off() -> None:
    """huggingface_hub forbids every request while it is offline, also one that replays."""
    assert "HF_HUB_OFFLINE" not in offline_environment({}, URL)
