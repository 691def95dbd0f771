"""Several processes that serve one run on one port; imported only if `PROVIDER_PROXY_WORKERS` asks for them."""
