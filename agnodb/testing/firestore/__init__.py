"""Firestore for tests: a small server on Google's own protocol buffers, as its documentation describes the service."""
