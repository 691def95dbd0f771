"""Finds the recorded request that is nearest to one that missed. Works on saved requests alone."""
