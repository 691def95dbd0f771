"""The commands: each parses its arguments, calls other rooms and prints. May import anything."""
