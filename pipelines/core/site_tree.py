"""The parts of a built site, below out/site."""

PUBLIC = "public"  # what every reader may fetch
GATED = "gated"  # what NGINX serves to members, after it has asked the API
ALIASES = "aliases.map"  # old address, new address: an NGINX map
PARTS = (ALIASES, GATED, PUBLIC)  # what the digest of a tree covers
