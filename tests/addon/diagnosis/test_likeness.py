"""Is the nearest recorded request near? On short prompts, as suites send them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator

import pytest

from addon.diagnosis import diagnose
from addon.diagnosis.differences import parse_saved
from addon.diagnosis.likeness import NEAR, likeness
from addon.identity import Identity
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.diagnosis.conftest import CHAT, entry, identity

RECORDED = """\
What is the capital of France?
Who wrote Hamlet?
Summarise the plot of Moby Dick in three sentences.
Translate "good morning" into Japanese.
Write a haiku about autumn rain.
List five prime numbers greater than 100.
Explain how photosynthesis works to a ten year old.
What is the boiling point of water at sea level?
Convert 15 miles to kilometres.
Write a Python function that reverses a linked list.
Fix the bug in this SQL query: SELECT * FORM users WHERE id = 3
What are the side effects of ibuprofen?
Give me a recipe for vegan lasagne.
Who won the World Cup in 1998?
Describe the water cycle.
Generate a JSON object with fields name, age and email.
Classify the sentiment of this review: The battery dies after two hours.
Extract all dates from the following contract.
How do I undo the last git commit?
What is the difference between TCP and UDP?
Plan a three day trip to Lisbon.
Draft an email that declines a meeting politely.
Compute the derivative of x^3 + 2x.
Is the number 97 prime?
Name the planets of the solar system.
Suggest a title for a blog post about remote work.
Correct the grammar: He go to school yesterday.
What does the error ECONNREFUSED mean?
Tell me a joke about cats.
When did the Berlin Wall fall?
Which river flows through Budapest?
Write unit tests for the function parse_date.
Rank these cities by population: Tokyo, Delhi, Shanghai.
Refund order 48213, the customer never received it.
Use the weather tool to check whether it rains in Oslo.
Count the vowels in the word encyclopedia.
Paraphrase: The quick brown fox jumps over the lazy dog.
Does aspirin interact with warfarin?
Rewrite this paragraph in a formal tone: hey folks, we shipped it!
Return the ISO code of Switzerland.
Erkläre mir den Unterschied zwischen Dativ und Akkusativ.
Quelle est la hauteur de la tour Eiffel ?
東京の天気を教えてください。
Schedule a dentist appointment for Tuesday at 3pm.
Book a table for two at an Italian restaurant.
Implement binary search in Rust.
Which keyboard shortcut opens the command palette in VS Code?
Compare PostgreSQL with MySQL for analytics.
Roleplay as a pirate and greet the crew.
Solve the equation 3x + 5 = 20.""".splitlines()

UNRELATED = """\
How tall is Mount Kilimanjaro?
Recommend three science fiction novels.
What causes inflation in an economy?
Debug this Dockerfile, the build hangs.
Name a famous painting by Vermeer.
Outline a workout plan for beginners.
Why is the sky blue?
Invent a superhero whose power is gardening.
Transcribe the attached audio.
What time zone does Nairobi use?
Help me choose a mortgage.
Which mammals lay eggs?
Create a CSS animation of a bouncing ball.
Is gluten found in rice noodles?
Decode this base64 string.
Compose a limerick on taxes.
How many bones does an adult human have?
Review my pull request for security issues.
Define the term entropy.
What did Marie Curie discover?
Make a shopping list for a barbecue.
Estimate the cost of heating a greenhouse.
Who painted the ceiling of the Sistine Chapel?
Simplify the fraction 42/56.
Configure nginx as a reverse proxy.
Spell the word rhythm backwards.
Where do penguins live?
Analyse quarterly revenue trends for ACME.
Brainstorm names for a coffee shop.
Detect the language of this text: Hvor er biblioteket?
Explain monads with an analogy.
Find synonyms for happy.
Who is the current secretary general of the UN?
Set a timer for nine minutes.
Turn this list into a markdown table.
What is the chemical symbol for gold?
Check my code for race conditions.
Wie spät ist es in Sydney?
Donne-moi un synonyme de rapide.
パスタの作り方は何ですか。
Cancel my subscription immediately.
Play some jazz music.
Predict next month's churn rate.
Give examples of irregular verbs.
Order a taxi to the airport.
Which HTTP status means teapot?
Draw an ASCII owl.
How do vaccines train the immune system?
Choose a random card.
Evaluate the integral of sin(x).""".splitlines()

SYSTEM = {
    "role": "system",
    "content": "You are a helpful assistant. Answer briefly and mention no competitor.",
}
BODIES = {
    "chat": lambda text: {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}]},
    "chat-with-system": lambda text: {"model": "m", "messages": [SYSTEM, {"role": "user", "content": text}]},
    "responses": lambda text: {"model": "m", "instructions": SYSTEM["content"], "input": text},
    "gemini": lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    "messages": lambda text: {
        "model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
    },
    "embeddings": lambda text: {"model": "m", "input": [text]},
}  # fmt: skip


def edited(text: str) -> Iterator[str]:
    """Versions of a prompt, as a person or a run changes it."""
    pick = random.Random(text)
    words = text.split()
    at = pick.randrange(len(words))
    yield " ".join([*words[:at], "seventeen", *words[at + 1 :]]) if len(words) > 3 else f"{text} Now."
    yield f"{text} (request {uuid.UUID(int=pick.getrandbits(128))})"
    yield f"Today is 2026-11-{pick.randrange(10, 28)}. {text}"
    yield f"Please {text[0].lower()}{text[1:]} Thank you."
    yield text.rstrip(".?!") + ", and keep it short."
    yield text.lower() + "\n"


@pytest.mark.parametrize("name", BODIES)
def test_the_right_neighbour_or_none(name: str) -> None:
    """The recorded version of a prompt is the nearest in 95 %, and in 95 % nothing is near to an unrelated prompt."""

    def asked(text: str) -> Identity:
        return identity(BODIES[name](text))

    store, prompts = MemoryStore(), {}
    for prompt in RECORDED:
        store.put(entry(asked(prompt)))
        prompts[asked(prompt).key] = prompt

    def nearest(text: str) -> str | None:
        wanted = asked(text)
        return prompts.get(diagnose(wanted.key, wanted.request_json, wanted.label, store).nearest)

    right = [nearest(version) == prompt for prompt in RECORDED for version in edited(prompt)]
    none = [nearest(prompt) is None for prompt in UNRELATED]
    assert sum(right) >= 0.95 * len(right)
    assert sum(none) >= 0.95 * len(none)


def of_prompts(one: str, other: str) -> float:
    """The likeness of two chat requests with these prompts."""
    old, new = (parse_saved(identity(BODIES["chat-with-system"](text)).request_json) for text in (one, other))
    assert old is not None
    assert new is not None
    return likeness(old, new)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "Capital of Italy?"),
        ("Summarise the plot of Moby Dick in three sentences.", "Summarize Moby Dick's plot in 3 sentences"),
        ("Tell me a joke about cats.", "Tell me a joke about dogs."),
        ("Weather in Paris?", "What's the weather in London today?"),
        ("What is 2+2?", "What is 2+3?"),
        ("東京の天気を教えてください。", "大阪の天気を教えてください。"),
    ],
)
def test_near(one: str, other: str) -> None:
    """Versions of one question are near, though few words are equal."""
    assert of_prompts(one, other) >= NEAR


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who wrote Hamlet?", "What is the capital of France?"),
        ("What is the boiling point of water?", "What is the capital of France?"),
        ("How do I undo the last commit?", "How do I cook rice?"),
        ("hello", "goodbye"),
    ],
)
def test_not_near(one: str, other: str) -> None:
    """Small words and an equal system prompt make nothing near."""
    assert of_prompts(one, other) < NEAR


def test_a_shared_answer_is_near() -> None:
    """A conversation that goes on in another way is near to the recorded one, whatever is asked last."""
    start = [
        {"role": "user", "content": "Who wrote Hamlet?"},
        {"role": "assistant", "content": "Shakespeare."},
    ]
    old, new = (
        parse_saved(identity({"messages": [*start, {"role": "user", "content": text}]}).request_json)
        for text in ("When?", "List five prime numbers.")
    )
    assert old is not None
    assert new is not None
    assert likeness(old, new) > NEAR


def test_requests_without_json_are_compared_by_path_and_body() -> None:
    """Equal paths are near, others are not."""
    one, same, other = (
        parse_saved(identity(b"", target, method="GET").request_json)
        for target in ("/v1/models/a", "/v1/models/a", "/v1/batches")
    )
    assert one is not None
    assert same is not None
    assert other is not None
    assert likeness(one, same) == 1
    assert likeness(one, other) < NEAR


def test_nothing_similar_says_how_many_there_are() -> None:
    """The note counts the entries of the endpoint, or names the endpoints that have some."""
    store = MemoryStore()
    store.put(entry(identity(BODIES["chat"]("Who wrote Hamlet?")), recorded_at=time.time()))
    wanted = identity(BODIES["chat"]("List five prime numbers."))
    line = diagnose(wanted.key, wanted.request_json, wanted.label, store).line
    assert line.startswith(
        "Nothing similar is recorded for this endpoint, which has 1 entry. Record it: run again"
    )
    wanted = identity({"input": "x"}, "/v1/embeddings")
    line = diagnose(wanted.key, wanted.request_json, wanted.label, store).line
    assert line.startswith(
        f"Nothing is recorded for this endpoint; api.openai.com has POST {CHAT} (1). Record it"
    )
