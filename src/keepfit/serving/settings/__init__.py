"""What the server was told: its flags, and the small files that they name, as values."""
