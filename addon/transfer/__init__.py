"""What other tools recorded, read as entries: what needs identity, redaction and the judge."""

__all__: list[str] = []
