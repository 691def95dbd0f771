"""The only room that uses private names of mitmproxy. `internals` lists them with what breaks without each."""
