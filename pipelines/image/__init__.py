"""Pack OCI images, reproducibly, without a daemon and without privileges.

``base`` builds the two bases with buildah, rarely; ``web`` and ``api`` add layers
to them. Layers, configuration and layout are written here: equal inputs give
equal bytes on every machine.
"""
