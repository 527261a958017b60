"""The stores, one file for each: how a backend gets, writes, finds and counts documents."""
