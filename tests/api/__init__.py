"""The login API: as it runs, behind NGINX, on both databases."""
