"""Commands of a layer are replaced by others."""

from __future__ import annotations

from mitmproxy.proxy import commands

from addon.mitm.core.replacing import Commands, replaced


def test_only_the_chosen_commands_are_replaced() -> None:
    """The others pass with the replies to them; a replaced command gets no reply."""
    replies: list[object] = []

    def stock() -> Commands:
        replies.append((yield commands.Log("a")))
        replies.append((yield commands.Log("b")))
        replies.append((yield commands.Log("c")))

    def replace(command: commands.Command) -> list[commands.Command] | None:
        assert isinstance(command, commands.Log)
        return [commands.Log("b1"), commands.Log("b2")] if command.message == "b" else None

    generator = replaced(stock(), replace)
    seen = []
    reply = None
    while True:
        try:
            command = generator.send(reply)
        except StopIteration:
            break
        assert isinstance(command, commands.Log)
        seen.append(command.message)
        reply = f"reply to {command.message}"
    assert seen == ["a", "b1", "b2", "c"]
    assert replies == ["reply to a", None, "reply to c"]
