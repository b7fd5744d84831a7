"""Tests of the login API: behind NGINX, on SQLite and PostgreSQL."""
