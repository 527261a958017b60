"""The repositories on MongoDB."""
