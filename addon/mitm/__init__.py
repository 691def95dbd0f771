"""Hooks that translate mitmproxy's flows to our messages and back. They wire; `exchange` decides."""
