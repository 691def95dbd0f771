"""`completion`: the script that completes commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from addon.cli.output import write_output

__all__ = ["completion"]

_VARIABLE = "_PROVIDER_PROXY_COMPLETE"  # click asks for this one, by the program's name


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what completes commands and options in SHELL.

    For bash, put `eval "$(provider-proxy completion bash)"` into ~/.bashrc; for zsh the same into ~/.zshrc, after
    compinit. For fish: provider-proxy completion fish > ~/.config/fish/completions/provider-proxy.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click has these three
    write_output(kind(context.find_root().command, {}, "provider-proxy", _VARIABLE).source() + "\n")
