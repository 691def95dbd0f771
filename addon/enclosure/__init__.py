"""Runs a command in a network namespace whose only way out is the proxy (Linux), and tells what it tried."""
