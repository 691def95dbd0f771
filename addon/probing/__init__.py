"""Alters recorded answers, one part at a time, to find out which parts tests look at. Pure: it reads bytes."""
