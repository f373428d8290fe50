"""Results -> model card, and the push."""
