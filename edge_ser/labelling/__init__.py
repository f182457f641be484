"""Teachers annotate audio: what is asked, who answers where, and where the answers are kept."""
