"""Which client sends a request, and which test that client runs.

Names and state, no sockets. `accounting` counts what each test does.
"""
