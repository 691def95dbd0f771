"""Reports a run as a table, JSON, Markdown or HTML. Reads the counts of `accounting`; writes report files."""
