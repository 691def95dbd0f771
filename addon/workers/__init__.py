"""Several processes on one port. Imported only where `PROVIDER_PROXY_WORKERS` asks for more than one."""
