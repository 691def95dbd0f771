"""Runs `provider-proxy` as `python -m addon.cli`."""

from addon.cli.commands import main

main()
