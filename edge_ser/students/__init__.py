"""The small networks that go onto devices."""
