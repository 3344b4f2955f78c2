"""Runs: stages, fingerprints, resuming, executors. Knows nothing of astronomy."""
