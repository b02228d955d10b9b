"""What listens: HTTP/1.1 and HTTP/2 on asyncio, in one thread, for both APIs. Knows nothing of models."""
