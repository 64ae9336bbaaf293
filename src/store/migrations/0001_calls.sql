-- One row a call. The columns are what people filter and sort by; the truth is the JSON beside them.
CREATE TABLE call_records (
    call TEXT PRIMARY KEY NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    caller TEXT NOT NULL,
    called TEXT NOT NULL,
    dialplan TEXT NOT NULL,
    language TEXT,
    outcome TEXT NOT NULL,
    steps INTEGER NOT NULL,
    max_depth INTEGER NOT NULL,
    -- How many events the record was folded from: a fold of fewer never replaces it.
    events INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE INDEX call_records_started ON call_records (started_ms);
CREATE INDEX call_records_outcome ON call_records (outcome, started_ms);
CREATE INDEX call_records_caller ON call_records (caller, started_ms);

-- The call's journal entries, one JSON object a line, in their order.
CREATE TABLE call_events (
    call TEXT PRIMARY KEY NOT NULL,
    events INTEGER NOT NULL,
    entries TEXT NOT NULL
) STRICT;
