"""PortOne V1: the only folder that knows its REST API, its JSON and its browser parameters."""
