"""Which requests are asked."""

from __future__ import annotations

from addon.drift.sampling import form_of, route_of, sample
from tests.addon.drift.dialects import DIALECTS, Version, question


def test_each_route_comes_before_a_second_request_of_one() -> None:
    """A sample of three has three models, if there are three."""
    by_route = {("a",): ["a1", "a2", "a3"], ("b",): ["b1"], ("c",): ["c1", "c2"]}
    assert sample(by_route, 3, lambda _: None) == ["a3", "b1", "c2"]
    assert sample(by_route, 5, lambda _: None) == ["a3", "b1", "c2", "a2", "c1"]
    assert sorted(sample(by_route, 9, list.reverse)) == ["a1", "a2", "a3", "b1", "c1", "c2"]
    assert sample({}, 3, lambda _: None) == []


def test_requests_of_one_form_have_the_same_members() -> None:
    """Answers to a request with tools have other fields than one without."""
    plain = DIALECTS[0].entry(Version(), stream=False)
    asked = question(DIALECTS[0], stream=False)
    assert route_of(plain) == ("api.openai.com", "/v1/chat/completions", "gpt-x")
    assert form_of(plain, asked) == (*route_of(plain), "messages", "model")
    assert form_of(plain, question(DIALECTS[0], stream=True)) != form_of(plain, asked)
