"""The process that `serve` and `run` are: mitmproxy's Master, the log and the state of a background proxy."""
