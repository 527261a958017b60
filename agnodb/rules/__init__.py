"""What decides, whatever database is behind it: plain functions, and algorithms over what a family can do."""
