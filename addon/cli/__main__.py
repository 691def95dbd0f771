"""`python -m addon.cli` is `provider-proxy`."""

from provider_proxy_start import main

main()
