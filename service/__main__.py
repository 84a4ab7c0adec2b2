"""`python -m service …` is `password-import …`."""

from service.cli import main

if __name__ == "__main__":
    main()
