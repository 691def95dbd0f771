"""The hooks. They turn mitmproxy's flows into our messages and back, and decide nothing."""
