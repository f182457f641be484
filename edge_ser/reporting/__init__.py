"""What the HTML reports share: one self-contained page and its themed pictures."""
