"""`python -m ie_model` is `ie-model`."""

from ie_model.cli import main

if __name__ == "__main__":
    main()
