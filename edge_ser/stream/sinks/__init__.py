"""Who receives readings: lines, files, the terminal, brokers, pages, monitors."""
