"""Compares a recorded answer with one that the provider gives today, and says which recorded requests may be asked
again, and with which credential. Pure: it sends nothing."""
