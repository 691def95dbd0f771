"""The run as a table, JSON, Markdown or HTML. Reads the counts of `accounting` and writes files."""
