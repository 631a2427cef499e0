"""Where the api service meets the outside."""
