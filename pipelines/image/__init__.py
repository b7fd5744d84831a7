"""Pack what was built into OCI images, without a daemon and without privilege.

``base`` makes the two bases, rarely, with buildah; ``web`` puts the layers of a
site on one of them. Layers, configuration and layout are written here, byte for
byte the same on every machine.
"""
