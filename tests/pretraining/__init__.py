"""Tests of `weam.pretraining`."""
