"""Keep every release in a private bucket, and bring one back.

    releases/<version>.json     the record: what it is made of, each part with its SHA-256
    blobs/sha256/<64 hex>       the parts, each once, whichever releases have it

The site's tree is in the layers of the web image, members' pages too: the
bucket must be private.
"""
