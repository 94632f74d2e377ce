"""People's public keys: device lists, prekeys, log leaves; encodings and checks, no secrets; pure."""
