"""What stands for the image ghcr.io/zalando/spilo: `python3 -m spilo.launch` in the image starts it.

Reads the variables that Spilo documents (ENVIRONMENT.rst of github.com/zalando/spilo), as Zalando's operator
sets them. Runs with the packages of debian.DATABASE_PACKAGES alone.
"""
