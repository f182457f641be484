"""From samples to A/D/V: exact incremental inference, or whole windows."""
