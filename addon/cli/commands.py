"""The command line: `provider-proxy …`."""

from __future__ import annotations

import importlib
import os
import sys

import click

from addon.cli.output import say
from addon.printing import program
from cache_store.errors import ProviderProxyError, UsageError

__all__ = ["COMMANDS", "main"]

# Name → module in this package and command in it. Loaded when called, so that no command waits for another's
# imports.
COMMANDS = {
    "serve": "serve:serve",
    "run": "run:run",
    "ci": "ci:ci",
    "learn": "learn:learn",
    "stop": "ci:stop",
    "env": "env:env",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
    "ls": "contents:ls",
    "show": "contents:show",
    "rm": "contents:rm",
    "stats": "contents:stats",
    "scan": "scan:scan",
    "export": "export:export",
    "import": "export:import_",
    "push": "push:push",
    "pull": "push:pull",
    "prune": "prune:prune",
    "restore": "restore:restore",
    "verify": "verify:verify",
    "rekey": "rekey:rekey",
    "report": "report:report",
    "requests": "sent:requests",
    "review": "review:review",
    "browse": "browse:browse",
    "diff": "explain:diff",
    "explain": "explain:explain",
    "probe": "probe:probe",
    "cache-probe": "cache_probe:cache_probe",
    "drift": "drift:drift",
    "completion": "completion:completion",
    "help": "help:help_",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"addon.cli.{module}"), name)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _version(context) if wanted else None,
    help="Show the versions of provider-proxy, mitmproxy and Python.",
)
def cli() -> None:
    """Record the answers of LLM providers once, and replay them from disk afterwards."""


def _version(context: click.Context) -> None:
    import platform
    from importlib.metadata import version

    others = f"mitmproxy {version('mitmproxy')}, Python {platform.python_version()}"
    say(f"provider-proxy, version {version('provider-proxy')} ({others})")
    context.exit()


def main() -> None:
    """Run the command line: an error is one line on stderr, with exit status 2 for wrong usage and 1 otherwise."""
    try:
        status = cli.main(prog_name="provider-proxy", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = 2
    except click.ClickException as error:
        hint = "" if isinstance(error, click.FileError) else "; see --help"
        status = _say(error.format_message().rstrip(".") + hint)
    except ProviderProxyError as error:
        _say(str(error))
        status = 2 if isinstance(error, UsageError) else 1
    except (click.Abort, KeyboardInterrupt):
        status = 130
    except FileNotFoundError:
        if _has_working_directory():
            raise
        _say("the working directory has been deleted; change to another one and run the command again")
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _has_working_directory() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - the call that fails
    except FileNotFoundError:
        return False
    return True


def _say(message: str) -> int:
    line = " ".join(message.split()).replace("`provider-proxy ", f"`{program()} ")
    say(f"provider-proxy: {line}", err=True)
    return 2
