"""Many scores made comparable, merged into one, and what may be claimed of it: p-values, q-values, honest words."""
