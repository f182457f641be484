"""Running a bundle on emulated or real devices and comparing with the reference."""
