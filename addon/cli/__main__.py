"""`python -m addon.cli` is the same as `provider-proxy`."""

from addon.cli.commands import main

main()
