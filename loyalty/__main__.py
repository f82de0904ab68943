"""``python -m loyalty`` is the command ``loyalty``."""

from loyalty.cli.main import main

if __name__ == "__main__":
    main()
