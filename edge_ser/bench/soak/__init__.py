"""A day of listening in minutes: the real stream on endless audio, watched from outside.

`edge-ser bench --soak HOURS` runs it. Non-goals: real time (a stopped clock, a slow device) and
faults; those are tests of the whole program, see docs/RELIABILITY.md.
"""
