"""Commands whose parsing and printing are too long for the list of all of them in cli.py."""
