"""The HTTP and WebSocket server: pages, health, metrics, and who may reach them."""
