"""More than one process on the port: only imported where `PROVIDER_PROXY_WORKERS` asks for it."""
