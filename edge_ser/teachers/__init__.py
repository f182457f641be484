"""Teachers: the models whose outputs a student learns."""
