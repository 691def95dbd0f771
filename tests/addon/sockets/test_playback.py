"""Which frames go out when."""

from __future__ import annotations

from addon.sockets.playback import Playback, in_causal_order
from addon.sockets.transcript import ClientFrame, Frame, ProviderFrame, Transcript


def client(name: str) -> ClientFrame:
    """A frame of the client."""
    return ClientFrame(name, None)


def spoken(*frames: str) -> Transcript:
    """A session; a client's frames begin with `>`."""
    return Transcript(tuple(client(f[1:]) if f[0] == ">" else ProviderFrame(f) for f in frames))


def test_a_frame_goes_out_once_what_it_needs_has_come() -> None:
    """And each goes out once."""
    playback = Playback(spoken("hello", ">a", "1", "2", ">b", "3"))
    assert playback.due(0) == ["hello"]
    assert playback.due(0) == []
    assert playback.due(1) == ["1", "2"]
    assert playback.due(2) == ["3"]
    assert playback.due(3) == []


def test_a_client_that_speaks_early_gets_everything_in_order() -> None:
    """It need not wait."""
    assert Playback(spoken("hello", ">a", "1", ">b", "3")).due(2) == ["hello", "1", "3"]


def test_a_replay_knows_what_was_said_so_far() -> None:
    """What was told stands where it was told, so that a session that goes live keeps its order."""
    playback = Playback(spoken("hello", ">a", "1", ">b", "2"))
    playback.due(0)
    playback.due(1)
    other = spoken("hello", ">a", "1", ">c").frames
    assert playback.so_far([client("a"), client("c")]) == list(other)
    assert Playback(spoken("hello")).so_far([]) == []


def test_a_recording_fits_what_was_said_and_told() -> None:
    """The client's frames are its beginning, and so is what the client was told already."""
    transcript = spoken('{"type":"s","id":"1"}', ">a", "1", ">b")
    assert Playback(transcript).fits([])
    assert Playback(transcript, ['{"type":"s","id":"2"}']).fits(["a", "b"])
    assert not Playback(transcript).fits(["b"])
    assert not Playback(transcript).fits(["a", "b", "c"])
    assert not Playback(transcript, ["other"]).fits(["a"])
    assert not Playback(transcript, ['{"type":"s","id":"2"}', "1", "2"]).fits(["a"])
    assert Playback(transcript).goes_on(1, "b")
    assert not Playback(transcript).goes_on(2, "c")


def test_the_provider_closes_after_everything_is_said() -> None:
    """Only where it was the provider that closed."""
    by_provider = Transcript(spoken(">a", "1").frames, closed_by_client=False)
    playback = Playback(by_provider)
    assert not playback.is_over(0)
    playback.due(1)
    assert playback.is_over(1)
    other = Playback(spoken(">a", "1"))
    other.due(1)
    assert not other.is_over(1)


def test_what_is_said_unasked_comes_first() -> None:
    """A session that a client began early has the provider's greeting behind the client's frames, by chance."""
    created = ProviderFrame('{"type":"session.created"}')
    late: list[Frame] = [client("a"), client("b"), created, ProviderFrame("1")]
    assert in_causal_order(late) == [created, client("a"), client("b"), ProviderFrame("1")]
    answered: list[Frame] = [client("a"), ProviderFrame("1"), created]
    assert in_causal_order(answered) == answered
    assert in_causal_order([]) == []
    assert in_causal_order([client("a")]) == [client("a")]
