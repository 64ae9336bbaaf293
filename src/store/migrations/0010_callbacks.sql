-- Callbacks that callers booked: one row a call in which one was, made when that call's record is saved.
CREATE TABLE callbacks (
    -- The call in which it was booked.
    call TEXT PRIMARY KEY NOT NULL,
    number TEXT NOT NULL,
    -- The call came from that number.
    own_number INTEGER NOT NULL,
    called TEXT NOT NULL,
    dialplan TEXT NOT NULL,
    handoff TEXT NOT NULL,
    wish TEXT NOT NULL,
    language TEXT NOT NULL,
    -- What the caller gave, as a JSON object; nothing sensitive.
    slots TEXT NOT NULL,
    -- Since when the caller waited in line, whose place is kept; absent: in no line.
    since_ms INTEGER,
    booked_ms INTEGER NOT NULL,
    -- waiting: to be made; calling: our call goes on; done: the caller spoke with a person; failed: not
    -- tried again; noted: for people to make, not for us.
    state TEXT NOT NULL CHECK (state IN ('waiting', 'calling', 'done', 'failed', 'noted')),
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Not to be tried before.
    due_ms INTEGER NOT NULL,
    -- Our last call to that number.
    last_call TEXT,
    -- Why the last attempt came to nothing, or why there is no further one.
    reason TEXT
) STRICT;

CREATE INDEX callbacks_waiting ON callbacks (due_ms) WHERE state = 'waiting';
