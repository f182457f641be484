"""What a program needs that runs for months: configuration, logs, watchdog."""
