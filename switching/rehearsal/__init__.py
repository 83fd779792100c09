"""A market played from end to end through the real verbs and workers, with the books balanced at the end."""
