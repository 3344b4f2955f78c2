"""What a catalog holds, how its rows are put together, and its files."""
