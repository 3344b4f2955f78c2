"""The review room: where people decide."""
