"""Tests of `weam.alignment`."""
