"""Parallel text -> checked sentence pairs, held-out and drawn ones."""
