"""The diskcache directory. Only this room imports diskcache, and it treats every file as untrusted input."""
