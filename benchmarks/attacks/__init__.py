"""What a stranger can send: hostile files and hostile connections, each small, each once able to stop the service."""
