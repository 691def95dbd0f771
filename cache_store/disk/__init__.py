"""The diskcache directory: the only room that imports diskcache. Treats every file in it as untrusted input."""
