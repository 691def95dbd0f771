"""The rhythm of a stream: how an entry keeps it, and in which pieces, with which pauses, an answer is sent."""
