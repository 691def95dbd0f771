"""`python -m addon.cli` is the same as `provider-proxy`."""

from addon.cli import main

main()
