"""Photos on their way: what is sent, what is received, where it is stored."""
