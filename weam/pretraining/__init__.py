"""Sentence pairs and links -> trained checkpoint."""
