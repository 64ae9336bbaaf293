-- Who of the agents that register here is away by their own wish: it outlives the server.
CREATE TABLE agents_away (agent TEXT PRIMARY KEY NOT NULL) STRICT;
