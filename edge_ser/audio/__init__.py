"""Audio files and corpora."""
