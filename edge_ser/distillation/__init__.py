"""Training students on the answers of a teacher."""
