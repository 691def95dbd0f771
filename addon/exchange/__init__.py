"""One request's way through the cache: look up, forward, record, store, explain. Free of mitmproxy."""
