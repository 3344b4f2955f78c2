"""What a run finds and what it misses: efficiency, selection function, gates against false promises."""
