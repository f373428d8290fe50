"""Tests of `weam.transfer`."""
