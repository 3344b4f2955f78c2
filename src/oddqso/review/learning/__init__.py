"""What reviewers find interesting, learned from their verdicts."""
