"""WebSocket sessions as plain values: what a frame says, which recording fits, whether one ended well. Pure."""
