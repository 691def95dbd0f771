"""Compares two takes of one command, and proposes the narrowest rules that explain how they differ. Pure."""
