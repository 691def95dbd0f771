"""Names, defaults and parsing of every setting. Starts nothing."""
