"""Time and memory of training, and how they grow."""
