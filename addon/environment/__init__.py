"""The proxy's surroundings: CA, trusted roots, client variables, a company's proxy. Of `addon` imports settings."""
