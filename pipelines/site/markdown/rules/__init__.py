"""Rules of markdown-it-py for what CommonMark does not have, one module an idea."""
