-- What webhooks are told: one row a letter and webhook, made from the call's events.
CREATE TABLE letters (
    -- The call's reference and the number of the event that it tells of: the same however often the
    -- letter is made, so that it is put here once.
    id TEXT NOT NULL,
    -- The webhook's name in the config.
    hook TEXT NOT NULL,
    subject TEXT NOT NULL,
    call TEXT NOT NULL,
    -- Goes before others of the same webhook: somebody's telephone rings.
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    -- Absent once it is delivered.
    body TEXT,
    made_ms INTEGER NOT NULL,
    -- While it waits: not to be tried before.
    due_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    -- When it was delivered, or died.
    ended_ms INTEGER,
    -- Of the last failure.
    reason TEXT,
    PRIMARY KEY (id, hook)
) STRICT;

CREATE INDEX letters_waiting ON letters (hook, urgent, due_ms) WHERE state = 'waiting';
CREATE INDEX letters_dead ON letters (hook, ended_ms) WHERE state = 'dead';
CREATE INDEX letters_ended ON letters (ended_ms) WHERE state <> 'waiting';

-- Messages that callers left, and what was taken down of them. A transcript is read off the sound
-- file, often after the call's last event: so it is a document beside the call and none of its events.
CREATE TABLE messages (
    -- As of letters.
    id TEXT PRIMARY KEY NOT NULL,
    call TEXT NOT NULL,
    -- Below the data folder.
    file TEXT NOT NULL,
    milliseconds INTEGER NOT NULL,
    language TEXT NOT NULL,
    left_ms INTEGER NOT NULL,
    -- The letter about it without the transcript.
    letter TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'transcribed', 'not_transcribed')),
    transcript TEXT,
    -- From 0 to 1.
    confidence REAL,
    engine TEXT,
    -- Why there is no transcript.
    reason TEXT
) STRICT;

CREATE INDEX messages_call ON messages (call);
CREATE INDEX messages_new ON messages (left_ms) WHERE state = 'new';
