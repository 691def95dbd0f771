"""Stores in memory and in Redis, and the one that puts a shared store behind the local one."""
