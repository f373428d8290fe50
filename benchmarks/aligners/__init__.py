"""Error rate, time and memory of the word aligners."""
