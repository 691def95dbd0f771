"""Finds the recorded request nearest to one that missed. Works on saved requests alone."""
