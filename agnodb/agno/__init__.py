"""Everything that knows agno: its base classes, and its objects as records and back."""
