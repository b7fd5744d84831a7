"""Archive every release in a private bucket, and restore one.

    releases/<version>.json     the record: the parts of the release, each with its SHA-256
    blobs/sha256/<64 hex>       the parts, shared by all releases

The layers of the web image hold the site's tree, members' pages too: the bucket
must be private.
"""
