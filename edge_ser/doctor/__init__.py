"""What is installed here, what works, and what to do about the rest.

Runtimes are tried, not only imported: each loads the shipped model and answers once, in a
process of its own, because a wheel built for another processor kills whoever imports it.
"""
