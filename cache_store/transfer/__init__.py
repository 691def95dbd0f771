"""Entries on their way: packs, buckets, directories of files, other tools' formats."""
