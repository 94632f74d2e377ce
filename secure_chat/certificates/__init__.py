"""The installation's own authority: keys, certificates, pins, files, and the TLS contexts that trust nothing else."""
