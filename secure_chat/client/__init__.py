"""Link, vault, profiles and screens of the person's program."""
