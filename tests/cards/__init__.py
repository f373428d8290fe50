"""Tests of `weam.cards`."""
