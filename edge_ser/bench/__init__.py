"""Speed, memory and size of a bundle's engines, measured on the machine at hand."""
