"""The API's own tools: who calls, what is refused and how it is said, and the room's endpoints."""
