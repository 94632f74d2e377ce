"""The operator's commands: certificates and administration."""
