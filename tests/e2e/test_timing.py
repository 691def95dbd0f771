"""Streams in their recorded rhythm and cut at random places, as docs/timing.md says, with a real client."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import provider_proxy
from tests.e2e.conftest import ROOT
from tests.e2e.suites import environment, last_run
from tests.e2e.upstream import Exchange, Upstream, chat_events

LINES = re.findall(r"^(PROVIDER_PROXY_\w+=\S+) provider-proxy run -- pytest$",
                   (ROOT / "docs" / "timing.md").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
WORDS = ["Grüße ", "an \\ ", "die \n", "Welt ", "☃"]

# An application that shows a stream as it comes: it prints how many reads it took, and the text.
APPLICATION = """
import json, os, ssl, sys
import openai
reads = []
class Counts(openai.DefaultHttpxClient):
    def send(self, *arguments, **more):
        answer = super().send(*arguments, **more)
        stream = answer.stream
        class Counted(type(stream)):
            def __iter__(self):
                for part in super().__iter__():
                    reads.append(part)
                    yield part
        stream.__class__ = Counted
        return answer
client = openai.OpenAI(api_key="test", base_url=sys.argv[1], http_client=Counts(), max_retries=0)
stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True)
text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
print(json.dumps([len(reads), text]))
"""


@pytest.fixture
def slow(start_upstream: Callable[..., Upstream]) -> Upstream:
    """A provider that streams with pauses."""

    def script(exchange: Exchange) -> None:
        exchange.stream(chat_events(WORDS), 0.05)

    return start_upstream(script)


def test_the_story_of_the_docs(slow: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """Each command of docs/timing.md gives an application the recorded text, in more reads than by default."""
    (tmp_path / "application.py").write_text(APPLICATION)
    command = [sys.executable, "application.py", f"https://localhost:{slow.port}/v1"]
    environ = environment(environ, slow)
    assert len(LINES) == 3

    def run(setting: str = "") -> tuple[int, str]:
        name, _, value = setting.partition("=")
        more = {name: value} if name else {}
        done = provider_proxy("run", "--", *command, environ=environ | more, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        reads, text = json.loads(done.stdout)
        seed = value if "RECHUNK" in name else ""
        assert last_run(tmp_path)["rechunk"] == seed
        assert (f"PROVIDER_PROXY_RECHUNK={seed}" in done.stderr) == bool(seed)
        return reads, text

    live, *replays = [run(), run(), *map(run, LINES)]
    assert slow.count == 1
    assert {text for _, text in [live, *replays]} == {"".join(WORDS)}
    instant, recorded, faster, cut = (reads for reads, _ in replays)
    assert instant == 1
    assert recorded == faster == live[0] == len(WORDS) + 2
    assert cut > 32

    def shown(*options: str) -> str:
        key = json.loads(provider_proxy("ls", "--json", environ=environ, folder=tmp_path).stdout)[0]["key"]
        return provider_proxy("show", key, *options, environ=environ, folder=tmp_path).stdout

    stream = json.loads(shown("--json"))["stream"]
    assert stream["pieces"] == len(WORDS) + 2
    assert 0 <= stream["first"] < stream["last"]
    assert (
        f"stream    {len(WORDS) + 2} pieces, the first after {stream['first']:.2f} s, the last after"
        in shown()
    )
