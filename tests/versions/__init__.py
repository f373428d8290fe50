"""A checkpoint saved with the installed versions, used with others."""
