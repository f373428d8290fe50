"""Tests of `weam.transfer.tasks`."""
