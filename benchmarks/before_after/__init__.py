"""The small backbone before and after WEAM."""
