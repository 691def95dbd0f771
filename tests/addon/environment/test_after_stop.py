"""What a stopped proxy leaves behind."""

from __future__ import annotations

from pathlib import Path

from addon.environment.after_stop import after_stop
from addon.environment.base_urls import base_urls
from addon.environment.java import java_options
from addon.environment.offline_env import offline_environment
from addon.settings.hosts import parse_hosts

URL = "http://127.0.0.1:8080"


def test_nothing_leads_to_the_stopped_proxy() -> None:
    """Every variable that `ci` sets beside the proxy's is set back; others are left alone."""
    own = {
        "JAVA_TOOL_OPTIONS": "-Xmx1g",
        "OPENAI_BASE_URL": "https://openrouter.ai/api/v1",
        "OTHER": f"{URL}",
    }
    environ = own | offline_environment(own, URL) | base_urls(own, URL, parse_hosts(""), forwards=False)
    environ["JAVA_TOOL_OPTIONS"] = java_options(own, URL, Path("/x.p12"), "localhost")
    left = environ | after_stop(environ, URL)
    assert [name for name, value in left.items() if "127.0.0.1:8080" in value or "8080" in value] == ["OTHER"]
    assert left["JAVA_TOOL_OPTIONS"] == "-Xmx1g"
    assert left["OPENAI_BASE_URL"] == "https://openrouter.ai/api/v1"
    assert left["ANTHROPIC_BASE_URL"] == "https://api.anthropic.com"
    assert left["GCE_METADATA_HOST"] == "metadata.google.internal"
    assert after_stop(own | {"OPENAI_BASE_URL": "x"}, "http://127.0.0.1:9") == {}
