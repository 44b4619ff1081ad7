"""``python -m potstill.cluster`` is ``potstill-batch``."""

from .command import main

if __name__ == "__main__":
    main()
