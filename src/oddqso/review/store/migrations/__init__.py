"""The schema, step by step; a step that was released is never changed."""
