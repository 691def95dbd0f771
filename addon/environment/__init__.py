"""What surrounds the proxy: the CA, trusted roots, client variables, a company's proxy. Knows only settings."""
