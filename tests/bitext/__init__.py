"""Tests of `weam.bitext`."""
