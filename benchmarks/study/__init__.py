"""The study: every system under the same conditions."""
