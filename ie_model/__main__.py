"""`python -m ie_model` is `ie-model`."""

from ie_model.cli.main import main

if __name__ == "__main__":
    main()
