"""``python -m mmdfer COMMAND ...``: the same as the command ``mmdfer``."""
from .apis.cli import main

if __name__ == '__main__':
    main()
