"""Tests of laws through the command line."""
