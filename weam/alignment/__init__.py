"""Sentence pairs -> alignment links."""
