"""Routes, and who may use them."""
