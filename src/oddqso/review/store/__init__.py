"""What people said, kept for good."""
