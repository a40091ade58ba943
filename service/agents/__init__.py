"""The engine as tools of agents, over the Model Context Protocol. Only `server` needs its SDK."""
