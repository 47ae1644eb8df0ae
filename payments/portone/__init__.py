"""PortOne V1 client: its REST API, its JSON and its browser parameters are used only in this folder."""
