"""The proxy's surroundings: its CA, trusted roots, client variables, a company's proxy. Imports only settings."""
