"""Beds whose languages are not aligned before training: where the study's questions have an answer."""
