"""Checkpoint -> scores in every language."""
