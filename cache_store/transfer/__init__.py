"""Moves entries: packs, buckets and directories of files. Uses stores; knows no other tool's format."""
