"""The login API: accounts, sessions, and the gate of the members' pages. All other pages are static files."""
