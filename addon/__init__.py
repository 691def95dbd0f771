"""The proxy and its command line; `docs/architecture.md` shows the rooms and how a request travels through them."""
