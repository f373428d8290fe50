"""`python -m weam.alignment`."""

from weam.alignment.shards import main

if __name__ == "__main__":
    main()
