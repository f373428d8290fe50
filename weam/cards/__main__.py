"""`python -m weam.cards`."""

from weam.cards.card import main

if __name__ == "__main__":
    main()
