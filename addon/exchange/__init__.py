"""One request's way through the cache: look up, forward, record, store, explain.

It uses every room below it and is free of mitmproxy.
"""
