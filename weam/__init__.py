"""The stages of WEAM in the order data flows: see the tree in README.md."""
