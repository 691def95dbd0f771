"""The page at `/-/`, which shows a run, its requests, the cache and each entry. It only reads, and takes everything
that is stored for hostile text.
"""
