"""The login: who may read the members' pages. Everything else of the site is a file."""
