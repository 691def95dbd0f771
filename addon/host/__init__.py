"""The proxy process of `serve` and `run`: mitmproxy's Master, the log, and the state of a background proxy."""
