"""Names of the parts of a built site, below out/site."""

PUBLIC = "public"  # for every reader
GATED = "gated"  # for members; NGINX asks the login API first (auth_request)
ALIASES = "aliases.map"  # NGINX map from old to new addresses
PARTS = (ALIASES, GATED, PUBLIC)  # covered by the digest of a site
