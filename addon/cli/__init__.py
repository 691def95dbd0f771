"""The commands that users type: each parses, calls the rooms below, and prints. May import anything."""
