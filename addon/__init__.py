"""Everything on the wire: hooks, identity, what may be kept, the report; and the command line."""
